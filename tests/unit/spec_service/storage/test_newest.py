"""The newest checkpoints in memory: served when everything of them is durable, and never when they may be stale."""

from spec_service.storage.checkpoint_rows import CheckpointRow, Found, WriteRow
from spec_service.storage.newest import MAX_BRANCHES, MAX_BYTES, NewestCheckpoints

BRANCH = ("run", "")


def checkpoint(id_="1", thread="run", namespace="", content=b"c"):
    return CheckpointRow(thread, namespace, id_, None, None, None, "msgpack", content, b"{}")


def write(position=0, checkpoint_id="1", content=b"w", task="t", path=""):
    return WriteRow("run", "", checkpoint_id, task, position, path, "ch", None, "msgpack", content)


def test_a_thread_is_new_until_something_is_put():
    newest = NewestCheckpoints()
    assert not newest.is_new("run")
    newest.expect("run")
    assert newest.is_new("run")
    newest.put(checkpoint())
    assert not newest.is_new("run")


def test_a_checkpoint_is_served_once_it_is_durable():
    newest = NewestCheckpoints()
    newest.expect("run")
    written = newest.put(checkpoint())
    written()
    assert newest.get(BRANCH) == Found(checkpoint(), ())


def test_a_checkpoint_that_was_not_written_is_never_served():
    newest = NewestCheckpoints()
    newest.expect("run")
    written = newest.put(checkpoint())
    assert newest.get(BRANCH) is None
    written()
    assert newest.get(BRANCH) is None


def test_writes_that_were_not_written_hide_their_checkpoint():
    newest = NewestCheckpoints()
    newest.expect("run")
    newest.put(checkpoint())()
    assert newest.put_writes([write()], replaces=False) is not None
    assert newest.get(BRANCH) is None


def test_writes_come_in_the_order_in_which_they_apply_and_the_first_stays_unless_replaced():
    newest = NewestCheckpoints()
    newest.expect("run")
    newest.put(checkpoint())()
    newest.put_writes([write(1), write(0, path="b"), write(0, task="s")], replaces=False)()
    newest.put_writes([write(1, content=b"again")], replaces=False)()
    newest.put_writes([write(0, content=b"other", path="b")], replaces=True)()
    assert newest.get(BRANCH).writes == (write(0, task="s"), write(1), write(0, content=b"other", path="b"))


def test_a_thread_that_nobody_followed_from_its_start_is_not_followed_from_the_middle():
    newest = NewestCheckpoints()
    assert newest.put(checkpoint("5")) is None
    assert newest.get(BRANCH) is None


def test_the_newest_by_id_counts_whatever_is_put_last():
    newest = NewestCheckpoints()
    newest.expect("run")
    newest.put(checkpoint("2"))()
    assert newest.put(checkpoint("1")) is None
    assert newest.get(BRANCH) is None


def test_a_read_is_followed_unless_something_was_queued_meanwhile():
    newest = NewestCheckpoints()
    found = Found(checkpoint(), (write(),))
    newest.end_read(BRANCH, newest.begin_read(BRANCH), found)
    assert newest.get(BRANCH) == found
    for disturb in (
        lambda: newest.put(checkpoint("2")),
        lambda: newest.put_writes([write(3)], replaces=False),
        lambda: newest.forget("run"),
        newest.forget_all,
    ):
        newest.forget_all()
        ticket = newest.begin_read(BRANCH)
        disturb()
        newest.end_read(BRANCH, ticket, found)
        assert newest.get(BRANCH) is None


def test_an_older_read_does_not_count():
    newest = NewestCheckpoints()
    first, second = newest.begin_read(BRANCH), newest.begin_read(BRANCH)
    newest.end_read(BRANCH, first, Found(checkpoint("1"), ()))
    assert newest.get(BRANCH) is None
    newest.end_read(BRANCH, second, Found(checkpoint("2"), ()))
    assert newest.get(BRANCH).checkpoint.id == "2"


def test_memory_is_bounded_by_number_and_by_size():
    newest = NewestCheckpoints()
    for number in range(MAX_BRANCHES + 1):
        newest.expect(f"run-{number}")
        newest.put(checkpoint(thread=f"run-{number}"))()
    assert newest.get(("run-0", "")) is None
    assert newest.get(("run-1", "")) is not None
    newest.expect("run")
    assert newest.put(checkpoint(content=bytes(MAX_BYTES))) is None
    newest.expect("run")
    newest.put(checkpoint())()
    assert newest.put_writes([write(content=bytes(MAX_BYTES))], replaces=False) is None
    assert newest.get(BRANCH) is None
