from pawlab.errors import DataError


def test_a_message_is_one_line_whatever_the_names_in_it_hold() -> None:
    assert str(DataError("no file a\n\tb\r\x0bc. Check the path.")) == "no file a b c. Check the path."


def test_a_message_is_cut_in_its_middle_so_that_the_advice_stays() -> None:
    said = str(DataError(f"no file {'x' * 100_000}. Check the path."))
    assert len(said) < 1600
    assert said.startswith("no file xxx")
    assert said.endswith("xxx. Check the path.")
