"""Settings: read once, secrets also from files, a fault named without its value."""

from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, read_settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine reaches the test."""
    for name in ("DATABASE_URL", "TPI_POSTGRES", "TPI_PORT", "TPI_PG_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_without_any_setting_there_is_a_private_server_on_loopback() -> None:
    settings = read_settings()

    assert settings.owner_url() is None
    assert (settings.host, settings.postgres) == ("127.0.0.1", "auto")


def test_the_environment_wins_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPI_HOLD_HOURS", "24")

    assert read_settings().hold_hours == 24


def test_a_role_without_a_url_of_its_own_connects_with_the_owners(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner@h/d")
    monkeypatch.setenv("TPI_WORKER_DATABASE_URL", "postgresql://worker@h/d")

    settings = read_settings()

    assert settings.url_of("web") == "postgresql://owner@h/d"
    assert settings.url_of("worker") == "postgresql://worker@h/d"


@pytest.mark.parametrize("name", ["DATABASE_URL", "TPI_WEB_DATABASE_URL"])
def test_a_secret_may_stand_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "url").write_text("postgresql://o@h/d\n")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "url"))

    assert read_settings().url_of("web") == "postgresql://o@h/d"


def test_a_secret_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", "/no/such/CANARY")

    with pytest.raises(SettingsError, match="DATABASE_URL_FILE") as refused:
        read_settings()

    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("TPI_PORT", "CANARY"), ("TPI_PUBLIC_URL", "ftp://CANARY"), ("TPI_POSTGRES", "CANARY")],
)
def test_a_value_that_cannot_be_used_is_named_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=name) as refused:
        read_settings()

    assert "CANARY" not in str(refused.value)


def test_a_secret_does_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://o:CANARY@h/d")

    assert "CANARY" not in repr(read_settings())


def test_an_address_loses_its_last_slash() -> None:
    assert Settings(public_url="https://x.example/tpi/").public_url == "https://x.example/tpi"
