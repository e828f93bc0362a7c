"""The rewriting of snippets: pure text, no server."""

from tests.lab.pairs.snippets import SNIPPETS, uncommented, with_options, without_blocks

OPTIONS = "# head\n[kachecks]\nvip = 10.0.0.100\n# max_lag = 30\n\n[peer]\nport = 3306\n"


def test_options_are_replaced_added_and_removed_in_their_own_section() -> None:
    changed = with_options(
        OPTIONS, {"kachecks.max_lag": 5, "kachecks.vip": None, "peer.port": 1, "client.user": "u"}
    )
    assert changed == (
        "# head\n[kachecks]\nmax_lag = 5\n# max_lag = 30\n\n[peer]\nport = 1\n[client]\nuser = u\n"
    )


def test_blocks_go_to_their_closing_brace() -> None:
    conf = "a {\n  drop {\n    x\n  }\n  # drop this is a comment\n  keep\n}\ndrop 1\nlast\n"
    assert without_blocks(conf, "drop") == "a {\n  # drop this is a comment\n  keep\n}\nlast\n"


def test_only_whole_options_of_that_beginning_are_uncommented() -> None:
    text = "# rpl_semi is a word\n# rpl_semi_timeout = 2000\n# other = 1\n#\nrpl_semi_x = 1\n"
    assert uncommented(text, "rpl_semi") == (
        "# rpl_semi is a word\nrpl_semi_timeout = 2000\n# other = 1\n#\nrpl_semi_x = 1\n"
    )


def test_both_nodes_differ_only_in_name_and_priority() -> None:
    first, second = (
        (SNIPPETS / f"keepalived.conf.node{number}").read_text().splitlines() for number in (1, 2)
    )
    different = [
        line.split()[0]
        for line, other in zip(first, second)
        if line != other and not line.startswith("#")
    ]
    assert len(first) == len(second)
    assert different == ["router_id", "priority"]
