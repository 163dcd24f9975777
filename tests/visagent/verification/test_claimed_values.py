"""The figures of two texts, however these put them."""

from visagent.verification.claimed_values import figures


def test_codes_and_numbers_of_two_texts_are_compared_however_they_are_put() -> None:
    assert figures("The number is T3337-jr0 [12 of them].") == figures("Twelve; it reads T3337-JR0.")
    assert figures("It costs 1,525.81.") != figures("It costs 1,525.18.")
    assert figures("There are kittens.") == frozenset()
