"""What a caller may ask for."""


class _AllScopes(frozenset):
    """Holds every scope: of a person, whose own rights are all that counts."""

    def __contains__(self, name: object) -> bool:
        return True


ALL_SCOPES: frozenset[str] = _AllScopes()
