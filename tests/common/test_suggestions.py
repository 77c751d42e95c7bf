"""The word that was meant by one that is not known."""

from tokentrack.common.suggestions import meant, nearest


def test_the_most_similar_word_is_found_in_any_case():
    assert nearest("Modle", ["model", "message", "machine"]) == "model"
    assert nearest("por", ["pro", "pro+", "power"]) == "pro"
    assert nearest("zzz", ["model"]) is None
    assert nearest("m" * 100_000, ["model"]) is None


def test_a_sentence_ends_with_the_word_or_with_all():
    assert meant("modle", ["model", "day"]) == ": did you mean 'model'?"
    assert meant("zzz", ["model", "day"]) == ": use one of model, day"
