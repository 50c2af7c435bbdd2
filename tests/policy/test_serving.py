import pytest

from guard import registry
from guard.errors import PolicyError
from guard.policy.serving import Offers
from tests.policy.fakes import CATALOG, Catalogue, Pii, Toxicity, policy

HATE = "policy: p\nrules: [{id: r, when: {category: hate}, then: block}]\n"
RULE = "policy: p\nclassifiers: {%s}\nrules: [{id: r, when: {category: %s}, then: block}]\n"


def needs(classifiers: str, category: str) -> dict[str, object]:
    return dict(policy(RULE % (classifiers, category)).needs)


def test_automatic_classifiers_serve_the_rules_on_their_categories() -> None:
    assert dict(policy(HATE).needs) == {"toxicity": {}}


def test_every_automatic_classifier_of_a_category_serves_it() -> None:
    assert set(needs("", "toxicity.obscene")) == {"toxicity", "keywords"}


def test_a_rule_on_a_parent_is_served_by_what_gives_a_child() -> None:
    assert set(needs("", "secret")) == {"secrets"}


def test_a_classifier_that_is_named_always_runs_with_its_options() -> None:
    assert needs("pii: {languages: [zh]}", "hate") == {"pii": {"languages": ["zh"]}, "toxicity": {}}


def test_a_list_of_words_does_not_switch_a_model_off() -> None:
    assert set(needs("keywords: {lists: {a: [b]}}", "toxicity.obscene")) == {"keywords", "toxicity"}


def test_a_model_of_ones_own_takes_the_place_of_those_that_add_nothing() -> None:
    assert set(needs("mine: {}", "toxicity")) == {"mine"}


def test_a_model_of_ones_own_leaves_the_rest_to_the_others() -> None:
    assert set(needs("mine: {}", "toxicity.threat")) == {"mine", "toxicity"}


def test_a_policys_own_category_is_served_by_the_classifier_that_is_set_up_for_it() -> None:
    assert set(needs("keywords: {lists: {rival: [x]}}", "custom.rival")) == {"keywords"}


def test_a_child_of_an_open_parent_is_served_by_what_declares_the_parent() -> None:
    assert set(needs("", "mark.anything")) == {"marks"}


def test_options_can_take_away_what_a_rule_needs() -> None:
    with pytest.raises(PolicyError, match=r"p\.yaml:3:34: no classifier gives `pii.phone`; "):
        needs("pii: {entities: [email]}", "pii.phone")


@pytest.mark.parametrize(
    ("classifiers", "category", "example"),
    [
        ("", "pii.person", "`classifiers: {pii: {entities: [person]}}`"),
        ("pii: {entities: [email]}", "pii.phone", "`classifiers: {pii: {entities: [email, phone]}}`"),
        ("", "custom.stop", "`classifiers: {keywords: {lists: {stop: […]}}}`"),
    ],
)
def test_what_only_an_option_gives_is_said_with_the_option(classifiers: str, category: str, example: str) -> None:
    with pytest.raises(PolicyError) as raised:
        policy(RULE % (classifiers, category), catalog=registry)
    assert raised.value.hint is not None
    assert raised.value.hint.endswith(example)


def test_no_option_is_named_that_would_not_help() -> None:
    with pytest.raises(PolicyError, match=r"did you mean|known: "):
        needs("", "toxicity.identity_attack")


def test_a_classifier_that_cannot_be_imported_offers_nothing_and_says_why() -> None:
    catalog = Catalogue({"pii": Pii}, broken=["toxicity"])

    with pytest.raises(PolicyError, match=r"no classifier gives `hate`; .*`toxicity` needs a package"):
        policy(HATE, catalog=catalog)


def test_a_classifier_that_cannot_be_imported_does_not_disturb_the_others() -> None:
    assert set(policy(HATE, catalog=Catalogue({"toxicity": Toxicity}, broken=["pii"])).needs) == {"toxicity"}


def test_without_any_classifier_that_is_what_is_said() -> None:
    assert Offers.gather(Catalogue({}), {}).why_not("hate") == "no classifier is installed"


def test_the_hint_keeps_to_the_neighbours_of_the_category() -> None:
    hint = Offers.gather(CATALOG, {}).why_not("pii.qqqqqqqqqqqq")

    assert hint.startswith("known: pii.address, pii.bank_account, ")
    assert "hate" not in hint
