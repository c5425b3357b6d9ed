"""Does no test's client read the world's authorities?"""

from __future__ import annotations

import ssl

import httpx
import pytest

from tests.authorities import NOBODY, WORLD


@pytest.mark.parametrize("trust_env", [True, False])
def test_a_client_believes_one_authority(trust_env: bool) -> None:
    """Whoever makes it, a test or the program; what the machine's environment names is the world, too."""
    assert httpx.create_ssl_context(trust_env=trust_env).cert_store_stats()["x509"] == 1


def test_it_is_still_one_that_checks() -> None:
    """Names and signatures are checked as ever."""
    context = httpx.create_ssl_context()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_who_names_a_file_gets_it() -> None:
    """A test's own authority, or a person's, is read from where it lies."""
    assert str(NOBODY) not in WORLD
    with pytest.raises(FileNotFoundError):
        ssl.create_default_context(cafile="/there/is/none.pem")
