"""Which of several plans is believed."""

from __future__ import annotations

from visagent_research.metrics import Graph
from visagent_research.tool_graphs.consensus import ChainOrder, chain, consensus


def test_a_chain_takes_the_order_of_habit_only_where_habit_is_strong() -> None:
    links = {("search", "book"), ("book", "search"), ("book", "pay"), ("search", "pay")}
    often = ChainOrder([["search", "book"]] * 9, links)
    assert often.settle(chain(["book", "search"])) == chain(["search", "book"])
    seldom = ChainOrder([["search", "book"], ["search", "book"], ["book", "search"]], links)
    assert seldom.settle(chain(["book", "search"])) == chain(["book", "search"])


def test_a_chain_avoids_links_that_do_not_exist() -> None:
    order = ChainOrder([["search", "pay"]], {("book", "search"), ("search", "pay")})
    assert order.settle(chain(["search", "book", "pay"])).links == (("book", "search"), ("search", "pay"))


def test_what_is_no_chain_keeps_its_order() -> None:
    order = ChainOrder([["a", "b"]] * 9, {("a", "b")})
    apart, twice = Graph(nodes=("b", "a")), chain(["b", "a", "b"])
    assert order.settle(apart) == apart and order.settle(twice) == twice


def test_the_plan_wins_that_agrees_best_with_all_and_not_the_odd_one() -> None:
    own = chain(["search", "pay"])
    neighbours = [(0.8, chain(["search", "book", "pay"])), (0.7, chain(["search", "book"])), (0.1, chain(["cancel"]))]
    assert consensus([own], neighbours) == chain(["search", "book", "pay"])
    assert consensus([own], []) == own


def test_a_planner_is_not_outvoted_by_neighbours_that_do_not_agree() -> None:
    own = chain(["search", "pay"])
    neighbours = [(0.3, chain(["a", "b"])), (0.3, chain(["c", "d"])), (0.3, own)]
    assert consensus([own], neighbours) == own


def test_the_words_of_a_request_tip_the_scales_between_plans_that_agree_alike() -> None:
    plans = [chain(["search", "pay"]), chain(["search", "book"])]
    assert consensus(plans, [], {"search": 0.9, "book": 0.8, "pay": 0.1}) == plans[1]
    assert consensus(plans, [], {"search": 0.9, "book": 0.1, "pay": 0.8}) == plans[0]


def test_a_plan_without_a_say_may_win() -> None:
    plans = [chain(["search", "pay"]), chain(["search", "book"])]
    likely = {"search": 0.9, "book": 0.8, "pay": 0.8}
    assert consensus(plans, [], likely, [chain(["search", "book", "pay"])]) == chain(["search", "book", "pay"])
