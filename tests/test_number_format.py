"""Numbers in English and in Spanish, by one function for each kind."""

from __future__ import annotations

import pytest

from common.number_format import compact, number, size

THIN, SPACE = "\u202f", "\u00a0"


@pytest.mark.parametrize(
    ("value", "spec", "english", "spanish"),
    [
        (1234, ",", "1,234", f"1{THIN}234"),
        (12_345_678, ",", "12,345,678", f"12{THIN}345{THIN}678"),
        (7, ",", "7", "7"),
        (1234.5, ",.1f", "1,234.5", f"1{THIN}234,5"),
        (0.05, "g", "0.05", "0,05"),
        (0.3947, ".3f", "0.395", "0,395"),
        (-1.25, "+.2f", "-1.25", "-1,25"),
        (0.534, ".0%", "53%", f"53{SPACE}%"),
        (0.0013, ".2%", "0.13%", f"0,13{SPACE}%"),
        (2e-05, ".2g", "2e-05", "2e-05"),
    ],
)
def test_a_number_is_written_as_the_language_does(value, spec, english, spanish):
    assert number(value, "en", spec) == english and number(value, "es", spec) == spanish


@pytest.mark.parametrize(
    ("value", "english", "spanish"),
    [
        (999, "999", "999"),
        (92_500, "92.5k", f"92,5{SPACE}mil"),
        (999_600, "1M", f"1{SPACE}M"),  # not 1e+03k
        (1_234_567, "1.23M", f"1,23{SPACE}M"),
        (3.4e9, "3.4B", f"3,4{SPACE}mil{SPACE}M"),
        (1e12, "1T", f"1{SPACE}billón"),
        (30e12, "30T", f"30{SPACE}billones"),
    ],
)
def test_a_thousand_million_is_no_b_in_spanish(value, english, spanish):
    assert compact(value, "en") == english and compact(value, "es") == spanish


@pytest.mark.parametrize(
    ("n_bytes", "english", "spanish"),
    [
        (7, "7 B", "7 B"),
        (31_400, "31.4 kB", "31,4 kB"),
        (860e6, "860 MB", "860 MB"),
        (2.5e9, "2.5 GB", "2,5 GB"),
        (999.7e9, "1 TB", "1 TB"),
        (2.8e12, "2.8 TB", "2,8 TB"),
        (1.5e18, "1,500 PB", f"1{THIN}500 PB"),
    ],
)
def test_bytes_have_a_decimal_unit(n_bytes, english, spanish):
    assert size(n_bytes, "en") == english.replace(" ", SPACE)
    assert size(n_bytes, "es") == spanish.replace(" ", SPACE)
