"""Codes for badges.

Free of Odoo.
"""

from __future__ import annotations

import secrets

#: Capitals and digits, which QR codes and readers take alike, without those that are
#: taken for others, the vowels that make words, and letters that keyboards exchange.
ALPHABET = "34679CDFGHJKMNPRTVX"
#: With so many of them more than 50 bits: nobody guesses one, and no two are the same.
LENGTH = 12


def new_badge() -> str:
    """A code that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _position in range(LENGTH))
