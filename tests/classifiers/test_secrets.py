from __future__ import annotations

import functools
import random
import string
import time

import pytest
from hypothesis import given, strategies as st

from classifiers.secrets import Secrets, SecretsOptions, entropy
from guard import registry, taxonomy
from guard.errors import RegistryError
from tests.classifiers.streamed import check_growth

LETTERS = string.ascii_letters + string.digits


def made_up(length: int, alphabet: str = LETTERS, seed: int = 7) -> str:
    """Random characters, the same every time; a literal key in this file would be taken for a real one."""
    return "".join(random.Random(seed).choices(alphabet, k=length))


HEX, UPPER = "0123456789abcdef", string.ascii_uppercase + "234567"
KEYS = {
    "aws-access-key-id": "AKIA" + made_up(16, UPPER),
    "google-api-key": "AIza" + made_up(35),
    "google-oauth-client-secret": "GOCSPX-" + made_up(28),
    "google-oauth-token": "ya29." + made_up(60),
    "azure-storage-connection": "AccountName=box;AccountKey=" + made_up(86) + "==",
    "aliyun-access-key-id": "LTAI5t" + made_up(18),
    "tencent-secret-id": "AKID" + made_up(32),
    "digitalocean-token": "dop_v1_" + made_up(64, HEX),
    "openai-api-key": "sk-proj-" + made_up(74),
    "openai-style-api-key": "sk-" + made_up(48),
    "anthropic-api-key": "sk-ant-api03-" + made_up(93),
    "openrouter-api-key": "sk-or-v1-" + made_up(64, HEX),
    "huggingface-token": "hf_" + made_up(34, string.ascii_letters),
    "groq-api-key": "gsk_" + made_up(52),
    "github-token": "ghp_" + made_up(36),
    "github-fine-grained-token": "github_pat_" + made_up(22) + "_" + made_up(59),
    "gitlab-token": "glpat-" + made_up(20),
    "npm-token": "npm_" + made_up(36),
    "pypi-token": "pypi-AgEIcHlwaS5vcmc" + made_up(60),
    "slack-token": "xoxb-" + made_up(12, string.digits) + "-" + made_up(24),
    "slack-webhook": "https://hooks.slack.com/services/T"
    + made_up(8, UPPER)
    + "/B"
    + made_up(8, UPPER)
    + "/"
    + made_up(24),
    "telegram-bot-token": "123456789:AA" + made_up(33),
    "stripe-key": "sk_live_" + made_up(24),
    "stripe-webhook-secret": "whsec_" + made_up(32),
    "shopify-token": "shpat_" + made_up(32, HEX),
    "twilio-api-key": "SK" + made_up(32, HEX),
    "sendgrid-api-key": "SG." + made_up(22) + "." + made_up(43),
    "mailchimp-api-key": made_up(32, HEX) + "-us6",
    "databricks-token": "dapi" + made_up(32, HEX),
    "aws-bedrock-key": "ABSK" + made_up(120),
    "aliyun-session-token": "STS." + made_up(25),
    "baidu-access-key": "ALTAK-" + made_up(21),
    "volcengine-access-key": "AKLT" + made_up(44),
    "azure-devops-token": made_up(76) + "AZDO" + made_up(4),
    "azure-ai-key": made_up(52) + "JQQJ9" + made_up(27),
    "cloudflare-origin-key": "v1.0-" + made_up(24, HEX) + "-" + made_up(146, HEX),
    "fly-token": "fo1_" + made_up(43),
    "heroku-api-key": "HRKU-AA" + made_up(58),
    "netlify-token": "nfp_" + made_up(36),
    "render-api-key": "rnd_" + made_up(28),
    "supabase-key": "sbp_" + made_up(40, HEX),
    "planetscale-token": "pscale_tkn_" + made_up(43),
    "neon-api-key": "napi_" + made_up(64, HEX),
    "doppler-token": "dp.pt." + made_up(43),
    "pulumi-token": "pul-" + made_up(40, HEX),
    "terraform-token": made_up(14) + ".atlasv1." + made_up(67),
    "xai-api-key": "xai-" + made_up(80),
    "perplexity-api-key": "pplx-" + made_up(48),
    "nvidia-api-key": "nvapi-" + made_up(64),
    "together-api-key": "tgp_v1_" + made_up(43),
    "fireworks-api-key": "fw_" + made_up(24),
    "cerebras-api-key": "csk-" + made_up(48, string.ascii_lowercase + string.digits),
    "zhipu-api-key": made_up(32, HEX) + "." + made_up(16),
    "langsmith-api-key": "lsv2_pt_" + made_up(32, HEX) + "_" + made_up(10, HEX),
    "langfuse-secret-key": "sk-lf-" + made_up(8, HEX) + "-4a3b-4c2d-9e8f-" + made_up(12, HEX),
    "elevenlabs-api-key": "sk_" + made_up(48, HEX),
    "pinecone-api-key": "pcsk_" + made_up(70),
    "tavily-api-key": "tvly-" + made_up(32),
    "jina-api-key": "jina_" + made_up(32, HEX) + made_up(28),
    "wandb-api-key": "wandb_v1_" + made_up(77),
    "gitlab-other-token": "gloas-" + made_up(64),
    "atlassian-token": "ATATT3" + made_up(186),
    "rubygems-token": "rubygems_" + made_up(48, HEX),
    "nuget-api-key": "oy2" + made_up(43, string.ascii_lowercase + string.digits),
    "clojars-token": "CLOJARS_" + made_up(60, HEX),
    "artifactory-key": "AKCp" + made_up(69),
    "sonar-token": "squ_" + made_up(40, HEX),
    "sentry-token": "sntryu_" + made_up(64, HEX),
    "new-relic-key": "NRAK-" + made_up(27, UPPER),
    "dynatrace-token": "dt0c01." + made_up(24, UPPER) + "." + made_up(64, UPPER),
    "postman-api-key": "PMAK-" + made_up(24, HEX) + "-" + made_up(34, HEX),
    "tailscale-key": "tskey-auth-" + made_up(12) + "-" + made_up(32),
    "onepassword-token": "ops_eyJ" + made_up(260),
    "launchdarkly-key": "sdk-" + made_up(8, HEX) + "-4a3b-4c2d-9e8f-" + made_up(12, HEX),
    "linear-api-key": "lin_api_" + made_up(40),
    "notion-token": "ntn_" + made_up(46),
    "airtable-token": "pat" + made_up(14) + "." + made_up(64, HEX),
    "figma-token": "figd_" + made_up(40),
    "dropbox-token": "sl.u." + made_up(140),
    "discord-webhook": "https://discord.com/api/webhooks/" + made_up(18, string.digits) + "/" + made_up(68),
    "facebook-token": "EAA" + made_up(180),
    "twitter-bearer-token": "A" * 21 + made_up(80),
    "mapbox-secret-token": "sk.eyJ" + made_up(80) + "." + made_up(22),
    "brevo-api-key": "xkeysib-" + made_up(64, HEX) + "-" + made_up(16),
    "resend-api-key": "re_" + made_up(8) + "_" + made_up(24),
    "mailersend-token": "mlsn." + made_up(64, HEX),
    "paypal-token": "access_token$production$" + made_up(16, HEX) + "$" + made_up(32, HEX),
    "plaid-token": "access-sandbox-" + made_up(8, HEX) + "-4a3b-4c2d-9e8f-" + made_up(12, HEX),
    "razorpay-key": "rzp_live_" + made_up(14),
    "flutterwave-key": "FLWSECK_TEST-" + made_up(32, HEX) + "-X",
    "easypost-key": "EZAK" + made_up(54),
    "jwt": "eyJ" + made_up(20) + ".eyJ" + made_up(40) + "." + made_up(43),
}
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "\n".join(made_up(64, seed=n) for n in range(20))
    + "\nab==\n-----END RSA PRIVATE KEY-----"
)
"""Noise between the lines of a key file."""


@functools.cache
def classifier() -> Secrets:
    made = Secrets()
    made.load()
    return made


def found(text: str) -> list[tuple[str, str]]:
    """``(form, characters)`` of every finding."""
    (findings,) = classifier().classify([text])
    return [(f.evidence.removeprefix("form "), text[slice(*f.span)]) for f in findings if f.span]


@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize("around", ["{}", "key: {}.", "我的密钥是{}，别外传", '{{"key": "{}"}}', "x={}\n"])
def test_a_key_is_found_whole_wherever_it_stands(form: str, around: str):
    assert found(around.format(KEYS[form])) == [(form, KEYS[form])]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("aws_secret_access_key = " + made_up(40), made_up(40)),
        ("Authorization: Bearer " + made_up(40), made_up(40)),
        ("x-api-key: " + made_up(32), made_up(32)),
        ("postgres://bob:s3cr3t%21pw@db.example.com:5432/x", "s3cr3t%21pw"),
        ("Server=db;Database=x;User=sa;Password=Zz9!kkkq;", "Zz9!kkkq"),
        ("https://example.org/?access_token=" + made_up(24), made_up(24)),
        ("password = 'Tr0ub4dor&3', x", "Tr0ub4dor&3"),
        ("my wifi password is hunter2x.", "hunter2x"),
        ("密码是Tr0ub4dor3。", "Tr0ub4dor3"),
        ("密码为：abc12345", "abc12345"),
        ('api_secret: "' + made_up(30) + '"', made_up(30)),
        ("服务密钥：" + made_up(30), made_up(30)),
        ("secret = aB38Q~" + made_up(33), "aB38Q~" + made_up(33)),
        ("SLACK_TOKEN=" + made_up(40), made_up(40)),
        ("transaction token: " + made_up(40), made_up(40)),
        ("TRANSACTION_TOKEN=" + made_up(40), made_up(40)),
        ("AZURE_STORAGE_KEY=" + made_up(86) + "==", made_up(86) + "=="),
        ("storage_account_storage_key: " + made_up(86) + "==", made_up(86) + "=="),
        ("export MY_SERVICE_SECRET='" + made_up(32) + "'", made_up(32)),
        ('"sessionToken": "' + made_up(24) + '"', made_up(24)),
        ("GITEA_PAT=" + made_up(40), made_up(40)),
        ('"deploy-credential": "' + made_up(24) + '"', made_up(24)),
        ("STRIPE_KEY: " + made_up(32), made_up(32)),
        ("DB_PASS=Zz9!kkkqX", "Zz9!kkkqX"),
        ("smtpPass: 'Zz9!kkkqX'", "Zz9!kkkqX"),
        ("PrivateKey = " + made_up(43) + "=", made_up(43) + "="),
        ('"private_key": "0x' + made_up(64, HEX) + '"', "0x" + made_up(64, HEX)),
        ('{"kty": "EC", "d": "' + made_up(43) + '", "x": "abc"}', made_up(43)),
        ("jdbc:mysql://db:3306/app?user=a&password=Zz9!kkkq", "Zz9!kkkq"),
        ("host=db.example.org dbname=x user=bob password=Zz9!kkkq", "Zz9!kkkq"),
        ("machine api.example.org login bob password Zz9!kkkq", "Zz9!kkkq"),
    ],
)
def test_a_secret_is_found_by_what_stands_before_it(text: str, secret: str):
    assert [value for _, value in found(text)] == [secret]


def test_a_private_key_is_found_whole_and_by_either_end():
    body = PEM.splitlines()

    assert found(f"see\n{PEM}\nend") == [("private-key", PEM)]
    assert found("\n".join(body[:9]) + "\n")[0][1].startswith("\n".join(body[:9]))
    assert found("\n".join(body[9:])) == [("private-key-end", "\n".join(body[9:]))]
    assert found("-----BEGIN PRIVATE KEY----- is how they begin") == [("private-key", "-----BEGIN PRIVATE KEY----- ")]
    assert found(PEM.replace("\n", "\\n")) == [("private-key", PEM.replace("\n", "\\n"))]


@pytest.mark.parametrize(
    "text",
    [
        "next_page_token = " + made_up(32), '"nextPageToken": "' + made_up(32) + '"', "CACHE_KEY=" + made_up(32),
        "userActionToken: " + made_up(32), "STORAGE_KEY=" + made_up(32),
        "shared_tokens = M2M100ScaledWordEmbedding(3)", "tls_key: ed25519.Ed25519PrivateKey4096,",
        "continuation-token: " + made_up(40), "BYPASS=Zz9!kkkqX", "compass: Zz9!kkkqX",
        "first_pass = 12345678", "second_pass=results_2024.csv", "byPass=true12345",
        "sha256_key: " + made_up(64, HEX),
        "password: ********", "password=${DB_PASS}", "password = <your password>", "password: changeme",
        "api_key = your-api-key-here-12345", "API_KEY=xxxxxxxxxxxxxxxxxxxx1",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "token = get_token()", "password = config['db']", "secret: process.env.SECRET_1", "https://user:password@host/",
        "The password is required. Your password must have 8 characters.", "请输入密码：您的密码", "密码强度要求很高",
        "Authorization: Bearer <token>", "-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "550e8400-e29b-41d4-a716-446655440000",
        "sk-learn and task-force", "AIzaTooShort", "https://example.org/path:8080@x", "eyJ.eyJ.",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA",
    ],
)  # fmt: skip
def test_what_stands_for_a_secret_is_none(text: str):
    assert found(text) == []


def test_a_providers_key_wins_over_the_assignment_around_it():
    assert found("api_key=" + KEYS["openai-api-key"]) == [("openai-api-key", KEYS["openai-api-key"])]


def test_every_form_has_a_category_of_the_taxonomy_and_a_name_of_its_own():
    forms = classifier()._forms

    assert {form.category for form in forms} == Secrets.categories
    assert all(taxonomy.is_known(form.category) for form in forms)
    assert len({form.id for form in forms}) == len(forms)


def test_min_score_leaves_weak_forms_out():
    strict = Secrets(SecretsOptions(min_score=0.9))
    strict.load()

    assert strict.classify(["password = Tr0ub4dor&3"]) == [[]]
    assert strict.classify([KEYS["github-token"]])[0][0].score == 1.0
    with pytest.raises(RegistryError, match="between 0 and 1"):
        registry.create("secrets", {"min_score": -0.5})


@given(st.text())
def test_entropy_is_between_none_and_that_of_all_different_characters(text: str):
    assert 0.0 <= entropy(text) <= max(0.0, len(text).bit_length())
    assert entropy(text + text) == pytest.approx(entropy(text))


@pytest.mark.parametrize(
    "pattern",
    [
        "a", "Aa1/", "eyJ", "password=", "api_key: ", "-----BEGIN PRIVATE KEY-----\n", "A" * 64 + "\n", "ab://cd:",
        "server=;", "aws secret ", "?sv=2020-01-01&", "password=abc123xyz ",
    ],
)  # fmt: skip
def test_no_text_takes_long(pattern: str):
    text = (pattern * 65_536)[:65_536]
    began = time.process_time()
    classifier().classify([text])

    assert time.process_time() - began < 1.0


def test_a_private_key_is_held_until_it_ends():
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA\n" * 12
    end = "-----END PRIVATE KEY-----"
    made = classifier()

    assert {made.pending(("Here:\n" + key + end)[:cut]) for cut in range(7, 6 + len(key + end))} == {6}
    assert made.pending("Here:\n" + key + end + "\nKeep it.\n") == len("Here:\n" + key + end + "\nKeep it.\n")


@pytest.mark.parametrize("form", KEYS)
def test_a_key_may_be_cut_anywhere(form: str):
    text = f"api_key = {KEYS[form]}. Password: {KEYS[form]} is it"
    for cut in range(len(text)):
        check_growth(classifier(), text, cut)
