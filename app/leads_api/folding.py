"""The forms in which texts are compared (contract, "Comparisons" and "search").

What is stored and shown stays as sent. ASCII texts, which most are, take a short way.
"""

import unicodedata
from functools import cache
from unicodedata import combining, normalize

_LONGEST_LIGATURE = 4
"""How many letters a ligature may become: U+FDF2 becomes four, U+FDFA would become eighteen."""

# Canonical combining classes of marks that make another sign: none, the voicing of kana, viramas, and the vowels and
# tones of Indic scripts, Thai, Lao and Tibetan.
_NOT_ACCENTS = {0, 8, 9, 84, 91, 103, 107, 118, 122, 129, 130, 132}
_BEYOND_LATIN = "\u0250"
_NEGATION = "\u0338"  # part of mathematical signs such as U+2260, and of no letter

_BASES = str.maketrans(
    dict(
        zip(
            "đħłøŧƀƚƶǥȼɇɉɍɏɨʉɵᵽẜẝⱡⱥⱦꝁꝃꝅꝉꝋꝑꝗꝙꝟꞓꞙꞡꞣꞥꞧꞩꞹꟈꟊðıȷɟ",
            "dhlotblzgcejryiuopsslatkkklopqqvcfgknrsudsdijj",
            strict=True,
        )
    )
    | {
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ŀ": "l·",
        "ȣ": "ou",
        "ꜳ": "aa",
        "ꜵ": "ao",
        "ꜷ": "au",
        "ꜹ": "av",
        "ꜽ": "ay",
        "ꝏ": "oo",
    }
    | dict.fromkeys("‘’‚‛‹›ʻʼʽ", "'")
    | dict.fromkeys("“”„‟«»〝〞〟", '"')
    | dict.fromkeys("‐‑‒–—―−⸺⸻", "-")
)


def caseless(text: str) -> str:
    """Return the form for comparisons "in any case": case-folded NFC."""
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFC", text).casefold())


def composed(text: str) -> str:
    """Return the form for comparisons to the letter: NFC."""
    return text if text.isascii() else normalize("NFC", text)


def caseless_email(email: str) -> str:
    """Return the form of an e-mail for comparison: NFC in lower case.

    It is not case-folded, because `straße.example` and `strasse.example` are two domains.
    """
    if email.isascii():
        return email.lower()
    return normalize("NFC", normalize("NFC", email).lower())


def letters(text: str) -> str:
    """Return the letters that `search` and the sort by title compare: without case and accents.

    Letters with a stroke, letters without a dot, and ligatures become their base letters; typographic quotes and dashes
    become plain ones; and compatibility forms, such as full-width letters, become the usual letter.
    """
    if text.isascii():
        return text.lower()
    if max(text) < _BEYOND_LATIN:
        return text.translate(_latin())
    return _letters(text)


@cache
def _latin() -> dict[int, str]:
    """Return the letters of each Latin sign. No sign of a text of these combines with the next one."""
    return {sign: _letters(chr(sign)) for sign in range(ord(_BEYOND_LATIN))}


def _letters(text: str) -> str:
    if not unicodedata.is_normalized("NFKC", text):
        text = "".join(map(_usual, text))
    signs = normalize("NFD", text)
    bare = "".join([sign for sign in signs if combining(sign) in _NOT_ACCENTS or sign == _NEGATION])
    return normalize("NFC", bare.casefold().translate(_BASES))  # composes kana and Korean syllables again


def _usual(sign: str) -> str:
    """Return the usual form of a compatibility form; a symbol that would become several characters stays."""
    usual = normalize("NFKC", sign)
    if len(usual) == 1 or (len(usual) <= _LONGEST_LIGATURE and sign.isalpha() and usual.isalpha()):
        return usual
    return sign
