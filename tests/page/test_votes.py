import pytest

from fkd.hub.errors import HostError
from fkd.page import votes
from fkd.page.votes import add_vote, read_votes


def test_votes_are_counted_for_a_pair_in_either_order(tmp_path):
    path = tmp_path / "votes.json"
    add_vote(path, "fcnn", "resnet18", "second_better")
    tally = add_vote(path, "resnet18", "fcnn", "first_better")
    assert (tally.first, tally.second, tally.first_better, tally.second_better) == ("fcnn", "resnet18", 0, 2)
    assert add_vote(path, "a", "b", "bad").bad == 1 and len(read_votes(path)) == 2
    assert "fcnn better 0, resnet18 better 2, the same 0, both bad 0, of 2." in tally.sentence()


def test_what_is_no_vote_is_refused_and_pairs_are_limited(tmp_path, monkeypatch):
    path = tmp_path / "votes.json"
    with pytest.raises(ValueError, match="'first' is not a vote"):
        add_vote(path, "a", "b", "first")
    monkeypatch.setattr(votes, "MOST_PAIRS", 1)
    add_vote(path, "a", "b", "same")
    with pytest.raises(ValueError, match="no more pairs"):
        add_vote(path, "a", "c", "same")
    assert len(read_votes(path)) == 1 and not list(tmp_path.glob(".*"))
    path.write_text('[{"first": "a"}]')
    with pytest.raises(HostError, match="votes.json: .* lacks second"):  # nothing for a visitor
        read_votes(path)
