import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from guard.errors import PolicyError, WeightsError
from guard.policy.model import Policy
from guard.policy.store import LONGEST_CACHED_NAME, PolicyStore
from tests.policy.fakes import ACTIONS, CATALOG

RULES = "rules: [{id: r, when: {category: hate}, then: block}]\n"


def write(folder: Path, name: str, match: str = "{}", rules: str = RULES) -> Path:
    path = folder / f"{name}.yaml"
    head = "" if match == "{}" else f"match: {match}\n"
    path.write_text(f"policy: {name}\n{head}{rules}", encoding="utf-8")
    return path


def store(path: Path) -> PolicyStore:
    return PolicyStore(path, actions=ACTIONS, catalog=CATALOG)


def test_one_file_is_a_store(tmp_path: Path) -> None:
    assert store(write(tmp_path, "one")).select("/any").name == "one"


def test_a_folder_is_read_by_name_without_tests_and_hidden_files(tmp_path: Path) -> None:
    write(tmp_path, "b", "{routes: [/b]}")
    write(tmp_path, "a", "{routes: [/a]}")
    (tmp_path / "a_test.yaml").write_text("- no policy", encoding="utf-8")
    (tmp_path / ".hidden.yaml").write_text("nor this", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("nor this", encoding="utf-8")

    assert [policy.name for policy in store(tmp_path).policies] == ["a", "b"]


def test_the_most_specific_match_is_selected(tmp_path: Path) -> None:
    write(tmp_path, "rest")
    write(tmp_path, "chat", "{routes: [/v1/chat]}")
    write(tmp_path, "all-of-v1", "{routes: [/v1/*]}")
    write(tmp_path, "school", "{tenants: [school]}")
    write(tmp_path, "school-chat", "{routes: [/v1/chat], tenants: [school]}")
    write(tmp_path, "small", "{models: [tiny-*]}")
    policies = store(tmp_path)

    def name(route: str, tenant: str | None = None, model: str | None = None) -> str:
        return policies.select(route, tenant, model).name

    assert name("/x") == "rest"
    assert name("/v1/images") == "all-of-v1"
    assert name("/v1/chat", "shop") == "chat"
    assert name("/v1/chat", "school", "tiny-1") == "school-chat"
    assert name("/v1/images", "school") == "all-of-v1"
    assert name("/x", "school", "tiny-1") == "school"
    assert name("/x", None, "tiny-1") == "small"


def test_a_long_name_is_chosen_for_as_well_and_not_kept(tmp_path: Path) -> None:
    write(tmp_path, "rest")
    write(tmp_path, "small", "{models: [tiny-*]}")
    policies = store(tmp_path)
    policies.select("/x", None, "tiny-" + "x" * LONGEST_CACHED_NAME)

    assert policies.select("/x", None, "tiny-" + "x" * LONGEST_CACHED_NAME).name == "small"
    assert policies._snapshot.choose.cache_info().currsize == 0


def test_a_tie_is_refused_naming_both_files(tmp_path: Path) -> None:
    write(tmp_path, "a", "{tenants: [x]}")
    write(tmp_path, "b", "{tenants: [x, y]}")

    with pytest.raises(PolicyError, match=r"b\.yaml:2:1: `b` ties with `a` of .*a\.yaml: .*tenant `x`"):
        store(tmp_path)


def test_two_policies_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", "{tenants: [x]}")
    (tmp_path / "b.yaml").write_text("policy: a\n" + RULES, encoding="utf-8")

    with pytest.raises(PolicyError, match=r"b\.yaml:1:1: policy `a` is also in .*a\.yaml; rename one"):
        store(tmp_path)


def test_a_folder_without_policies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="the folder holds no policy"):
        store(tmp_path)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="policies cannot be read: No such file"):
        store(tmp_path / "gone")


def test_a_broken_policy_stops_the_first_load(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="`rules` is empty"):
        store(write(tmp_path, "a", rules="rules: []\n"))


def test_what_cannot_be_prepared_stops_the_first_load(tmp_path: Path) -> None:
    def prepare(policies: Sequence[Policy]) -> None:
        raise WeightsError(f"no weights for {policies[0].name}")

    with pytest.raises(WeightsError, match="no weights for a"):
        PolicyStore(write(tmp_path, "a"), actions=ACTIONS, catalog=CATALOG, prepare=prepare)


def test_a_route_without_a_policy_is_refused(tmp_path: Path) -> None:
    policies = store(write(tmp_path, "a", "{routes: [/v1/*]}"))

    policies.check_routes(["/v1/chat"])
    with pytest.raises(PolicyError, match="route `/v2/chat` has no policy"):
        policies.check_routes(["/v1/chat", "/v2/chat"])


def test_a_route_with_a_policy_for_some_tenants_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"a\.yaml:2:1: route `/x` has policies for some tenants or models only"):
        store(write(tmp_path, "a", "{tenants: [school]}")).check_routes(["/x"])


def test_a_request_that_no_policy_matches_is_never_let_through(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy matches a request") as raised:
        store(write(tmp_path, "a", "{models: [small]}")).select("/x", "t", "what-a-client-wrote")

    assert "client" not in str(raised.value)


def test_a_reload_puts_the_new_policies_in_force_and_leaves_selected_ones_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    policies = store(path)
    pinned, before = policies.select("/x"), policies.revision
    path.write_text(path.read_text(encoding="utf-8").replace("block", "flag"), encoding="utf-8")

    assert policies.reload()

    assert pinned.rules[0].then.name == "block"
    assert policies.select("/x").rules[0].then.name == "flag"
    assert policies.revision != before
    assert policies.last_error is None


@pytest.mark.parametrize("text", ["policy: a\nrules: []\n", "[", "", "\xff"])
def test_a_broken_file_keeps_the_last_good_policies_and_is_explained(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, "a")
    policies = store(path)
    good = policies.select("/x")
    path.write_text(text, encoding="latin-1")

    assert not policies.reload()

    assert policies.select("/x") is good
    assert policies.last_error is not None
    assert policies.last_error.startswith(f"{path}:")


def test_a_mended_file_clears_the_error(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    policies = store(path)
    path.write_text("", encoding="utf-8")
    policies.reload()
    write(tmp_path, "a")

    assert policies.reload()
    assert policies.last_error is None


def test_policies_are_prepared_before_they_are_in_force(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    policies = store(path)
    seen: list[tuple[str, str]] = []
    path.write_text("policy: b\n" + RULES, encoding="utf-8")

    policies.reload(lambda fresh: seen.append((fresh[0].name, policies.select("/x").name)))

    assert seen == [("b", "a")]
    assert policies.select("/x").name == "b"


@pytest.mark.parametrize("error", [WeightsError("damaged"), RuntimeError("no memory")])
def test_what_cannot_be_prepared_is_not_put_in_force(tmp_path: Path, error: Exception) -> None:
    path = write(tmp_path, "a")
    policies = store(path)
    path.write_text("policy: b\n" + RULES, encoding="utf-8")

    def prepare(fresh: Sequence[Policy]) -> None:
        raise error

    assert not policies.reload(prepare)
    assert policies.select("/x").name == "a"
    assert policies.last_error == f"{type(error).__name__}: {error}"


def test_a_reload_may_not_take_a_route_its_policy(tmp_path: Path) -> None:
    write(tmp_path, "a")
    policies = store(tmp_path)
    policies.check_routes(["/x"])
    write(tmp_path, "a", "{routes: [/y]}")

    assert not policies.reload()
    assert policies.select("/x").name == "a"
    assert "route `/x` has no policy" in (policies.last_error or "")


def test_a_change_is_seen_once(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    policies = store(tmp_path)
    assert not policies.changed()

    path.write_text("broken: [", encoding="utf-8")
    assert policies.changed()
    policies.reload()
    assert not policies.changed()

    path.unlink()
    assert policies.changed()
    policies.reload()
    assert not policies.changed()

    write(tmp_path, "a")
    assert policies.changed()
    policies.reload()
    assert not policies.changed()
    assert policies.last_error is None


def test_every_selection_during_reloads_is_one_whole_policy(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    policies = store(path)
    texts = [path.read_text(encoding="utf-8"), "policy: b\n" + RULES.replace("block", "flag"), "policy: ["]
    done = threading.Event()

    def rewrite() -> None:
        for i in range(60):
            path.write_text(texts[i % 3], encoding="utf-8")
            policies.reload()
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = set()
    while not done.is_set():
        policy = policies.select("/x")
        seen.add((policy.name, policy.rules[0].then.name))
    writer.join()

    assert seen <= {("a", "block"), ("b", "flag")}
