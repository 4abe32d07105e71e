"""The Dockerfile as its check reads it; bin/check-dockerfile carries it out."""

import pytest

from _suite import check_dockerfile
from _suite.check_dockerfile import Container
from _suite.paths import ADDONS, ROOT
from _suite.shell import SetupError


def test_lines_are_joined_and_comments_dropped():
    text = "# one\nFROM a\n\nRUN b \\\n  # inside\n  && c\nuser d\n"
    expected = [("FROM", "a"), ("RUN", "b && c"), ("USER", "d")]
    assert check_dockerfile.instructions(text) == expected


def test_the_image_has_every_addon_and_does_not_run_as_root():
    lines = check_dockerfile.instructions((ROOT / "Dockerfile").read_text())
    copied = {rest.split()[0] for word, rest in lines if word == "COPY"}
    assert set(ADDONS) <= copied
    assert [rest for word, rest in lines if word == "USER"][-1] == "odoo"
    setup = (ROOT / "compose.yaml").read_text()
    assert f"--init={','.join(ADDONS)}\n" in setup
    assert f"--update={','.join(ADDONS)}\n" in setup


def test_copy_and_variables(tmp_path):
    (tmp_path / "source/folder").mkdir(parents=True)
    (tmp_path / "source/folder/a").write_text("a")
    (tmp_path / "source/b").write_text("b")
    container = Container(tmp_path / "root")

    def do(word, rest):
        check_dockerfile.carry_out(container, word, rest, tmp_path / "source")

    do("COPY", "folder /one")
    do("COPY", "b /two/")
    do("COPY", "b /three/c")
    do("ENV", "X=1 Y='2 3'")
    do("USER", "odoo")
    do("HEALTHCHECK", "--timeout=3s CMD true")
    assert (container.root / "one/a").read_text() == "a"
    assert (container.root / "two/b").read_text() == "b"
    assert (container.root / "three/c").read_text() == "b"
    assert container.env == {"X": "1", "Y": "2 3"}
    assert (container.user, container.health) == ("odoo", "true")
    with pytest.raises(SetupError, match="cannot do ADD"):
        do("ADD", "x y")
