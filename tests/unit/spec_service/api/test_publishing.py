"""Publishing through the doors, to a real bare repository."""

import hashlib
import threading
import uuid

import pytest
from dulwich.repo import Repo

from spec_service.settings import Settings

SPEC = """\
# A greeting: the comment stays.
apiVersion: specloom/v1
kind: Workflow
metadata: {name: NAME}
state: {text: {type: string}}
start: greet
nodes:
  greet: {set: {text: "hello"}, next: end}
"""
YAML = {"Content-Type": "application/yaml"}


@pytest.fixture(scope="module")
def place(tmp_path_factory, run_server):
    """A server that publishes, and the repository."""
    folder = tmp_path_factory.mktemp("publishing")
    Repo.init_bare(str(folder / "bare.git"), mkdir=True).close()
    catalog = folder / "specloom.toml"
    table = 'repository = "bare.git"\nroot = "specs"\nauthor = "Server <server@example.org>"\n'
    catalog.write_text(f"[publish]\n{table}")
    with run_server(Settings(data=folder / "data", catalog=catalog, port=0)) as server, server.client() as client:
        yield client, folder / "bare.git"


@pytest.fixture
def name():
    return f"greet-{uuid.uuid4().hex[:12]}"


def post(client, text, name):
    answer = client.post("/specs", content=text.replace("NAME", name), headers=YAML)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def file_at(folder, path, commit=None):
    with Repo(str(folder)) as repository:
        head = commit.encode() if commit else repository.refs[b"refs/heads/main"]
        tree = repository[repository[head].tree]
        for part in path.split("/")[:-1]:
            tree = repository[tree[part.encode()][1]]
        return repository[tree[path.rpartition("/")[2].encode()][1]].data


def change_by_hand(folder, path, data, client_name="Hand <hand@example.org>"):
    from spec_service.integrations.git import GitPublisher  # noqa: PLC0415
    from spec_service.integrations.publish_table import PublishTarget  # noqa: PLC0415
    from spec_service.ports import FileToCommit  # noqa: PLC0415

    target = PublishTarget(str(folder), "main", "", client_name)
    publisher = GitPublisher(target, folder.parent / "by-hand", {})
    publisher._commit(FileToCommit(path, data, "by hand", lambda _: None))


def refusal(answer, status):
    assert answer.status_code == status, answer.text
    return answer.json()["name"]


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_exact_text_is_committed_and_the_revision_remembers_it(place, name):
    client, bare = place
    post(client, SPEC, name)
    answer = client.post(f"/specs/{name}/publish", json={"message": "first words", "author": "Ann <a@example.org>"})

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["spec"], told["branch"], told["path"], told["is_new"]) == (
        f"{name}@r1",
        "main",
        f"specs/{name}.yaml",
        True,
    )
    assert file_at(bare, told["path"], told["commit"]) == SPEC.replace("NAME", name).encode()
    shown = client.get(f"/specs/{name}").json()["published"]
    assert shown == {key: told[key] for key in ("commit", "branch", "path")} | {
        "sha256": sha(SPEC.replace("NAME", name))
    }
    with Repo(str(bare)) as repository:
        commit = repository[told["commit"].encode()]
        assert (commit.author, commit.message) == (b"Ann <a@example.org>", b"first words\n")
        assert commit.committer == b"Server <server@example.org>"


def test_a_second_revision_follows_and_the_same_text_makes_no_commit(place, name):
    client, bare = place
    post(client, SPEC, name)
    first = client.post(f"/specs/{name}/publish", json={"path": "team/greet.yaml"}).json()
    again = client.post(f"/specs/{name}/publish").json()
    assert (again["path"], again["is_new"]) == (first["path"], False)
    post(client, SPEC.replace("hello", "good day"), name)
    second = client.post(f"/specs/{name}/publish").json()
    assert (second["spec"], second["path"], second["is_new"]) == (f"{name}@r2", "specs/team/greet.yaml", True)
    assert b"good day" in file_at(bare, second["path"])


def test_what_somebody_else_wrote_is_not_lost(place, name):
    client, bare = place
    post(client, SPEC, name)
    told = client.post(f"/specs/{name}/publish").json()
    text = SPEC.replace("NAME", name)
    change_by_hand(bare, told["path"], text.replace("hello", "by hand").encode())
    post(client, SPEC.replace("hello", "ours"), name)

    refused = client.post(f"/specs/{name}/publish")
    assert refusal(refused, 409) == "file-moved-on"
    assert refused.json()["base"] == sha(text)
    assert refused.json()["found"] == sha(text.replace("hello", "by hand"))
    assert b"by hand" in file_at(bare, told["path"])

    seen = client.post(f"/specs/{name}/publish", json={"base": refused.json()["found"]})
    assert seen.status_code == 200
    assert b"ours" in file_at(bare, told["path"])


def test_the_base_may_be_the_digest_of_a_spec_but_then_words_count_too(place, name):
    client, bare = place
    first = post(client, SPEC, name)
    told = client.post(f"/specs/{name}/publish").json()
    post(client, SPEC.replace("hello", "ours"), name)
    text = SPEC.replace("NAME", name)

    change_by_hand(bare, told["path"], text.replace("the comment stays", "another comment").encode())
    refused = client.post(f"/specs/{name}/publish", json={"base": first["digest"]})
    assert refusal(refused, 409) == "file-moved-on"
    assert (refused.json()["base"], refused.json()["found"]) == (
        sha(text),
        sha(text.replace("the comment stays", "another comment")),
    )
    change_by_hand(bare, told["path"], text.encode())
    assert client.post(f"/specs/{name}/publish", json={"base": first["digest"]}).status_code == 200


def test_who_expects_no_file_finds_none_or_is_refused(place, name):
    client, bare = place
    post(client, SPEC, name)
    change_by_hand(bare, f"specs/{name}.yaml", b"something: else\n")
    assert refusal(client.post(f"/specs/{name}/publish"), 409) == "file-moved-on"
    refused = client.post(f"/specs/{name}/publish", json={"base": None})
    assert (refusal(refused, 409), refused.json()["base"]) == ("file-moved-on", None)
    assert client.post(f"/specs/{name}/publish", json={"base": None, "path": f"{name}-2.yaml"}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "../up.yaml",
        "/etc/x.yaml",
        "a/../../x.yaml",
        ".git/x.yaml",
        "a//b.yaml",
        "a/.hidden.yaml",
        "x.sh",
        "a\\b.yaml",
        "x.yaml/",
        "con.yaml",
    ],
)
def test_no_path_leaves_the_root(place, name, path):
    client, _ = place
    post(client, SPEC, name)
    assert refusal(client.post(f"/specs/{name}/publish", json={"path": path}), 422) == "bad-name"


@pytest.mark.parametrize(
    "body",
    [{"author": "A\nB <x@y>"}, {"author": "nobody"}, {"message": " "}, {"base": "main"}, {"force": True}, {"path": 1}],
)
def test_a_body_is_read_strictly(place, name, body):
    client, _ = place
    post(client, SPEC, name)
    assert client.post(f"/specs/{name}/publish", json=body).status_code == 422


def test_of_two_at_once_nothing_is_lost(place, name):
    client, bare = place
    others = [f"{name}-{number}" for number in range(6)]
    for one in others:
        post(client, SPEC, one)
    answers = []

    def publish(one):
        answers.append(client.post(f"/specs/{one}/publish").status_code)

    threads = [threading.Thread(target=publish, args=(one,)) for one in others for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == [200] * 12
    for one in others:
        assert file_at(bare, f"specs/{one}.yaml") == SPEC.replace("NAME", one).encode()


def test_without_a_repository_one_is_told_how_to_name_one(client, name):
    post(client, SPEC, name)
    refused = client.post(f"/specs/{name}/publish")
    assert refusal(refused, 503) == "publish-unavailable"
    assert "[publish]" in refused.json()["detail"]
