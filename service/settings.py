"""Every setting with its default and unit, read once from the environment and passed on.

Prefix `TPI_`; a secret may also stand in a file named by `TPI_X_FILE`. `DATABASE_URL` has no
prefix because every host of databases calls it so. Nobody else reads the environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX: Final = "TPI_"

Role: TypeAlias = Literal["web", "worker"]
PostgresChoice: TypeAlias = Literal["auto", "system", "wheel"]

MIB: Final = 1024 * 1024


class SettingsError(Exception):
    """A setting cannot be used. The text names settings and faults, never a value."""


def _http_origin(value: str) -> str:
    """Accept an absolute http(s) address without query; the last slash is dropped."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is not an absolute http or https address without a query")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_http_origin)]


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads `NAME_FILE` for each secret: what a container platform mounts."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:
        """Return the content of the file that `NAME_FILE` names, without its last line end."""
        name = variable(field_name, field)
        path = os.environ.get(f"{name}_FILE")  # noqa: TID251 - settings read the environment
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as unreadable:
            raise SettingsError(f"{name}_FILE names a file that cannot be read") from unreadable

    def __call__(self) -> dict[str, str]:
        """Collect the secrets that stand in files."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(fields[name], name)[0] for name in secrets(fields)}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """What an operator may choose. Limits carry their SECURITY §8 id."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    # which PostgreSQL (DECISIONS 26, 27)
    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_URL")
    )
    """The owner's URL, used by `migrate`; none: a private server of ours."""
    web_database_url: SecretStr | None = None
    """A login of `tpi_app` alone; none: `DATABASE_URL`, and the role is set at connect."""
    worker_database_url: SecretStr | None = None
    """The same for `tpi_worker`."""
    postgres: PostgresChoice = "auto"
    """Whose binaries a private server runs."""
    pg_home: Path | None = None
    """Folder of the private server; none: one per checkout below the user's state folder."""

    # clinical content
    pack: Path | None = None
    """Folder of the content pack that judges; none: the one we ship."""
    pack_base: Path | None = None
    """Folder of the pack that it changes, where that is another build; none: ours as shipped."""
    pack_reviewers: Path | None = None
    """File with the public keys of those whose signature on a pack counts; none: nobody's does."""

    # doors
    public_url: Address = "http://127.0.0.1:8080"
    """Where clients reach us: the base of every address that we hand out."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    ops_port: int = Field(default=8081, ge=0, le=65535)
    """livez, readyz and metrics; 0 for none."""

    # what a body may be (L01-L06, L25)
    body_bytes: int = Field(
        default=2 * MIB, ge=1
    )  # L01, a body at the FHIR door, a search by form too
    bundle_entries: int = Field(default=500, ge=1)  # L02
    json_depth: int = Field(default=32, ge=1, le=90)  # L03; the second reader breaks at 100
    text_bytes: int = Field(default=64 * 1024, ge=1)  # L04
    array_items: int = Field(default=1_000, ge=1)  # L05
    number_digits: int = Field(default=32, ge=1)  # L05
    attachment_bytes: int = Field(default=MIB, ge=1)  # L06
    attachments: int = Field(default=5, ge=0)  # L06, per referral
    json_containers: int = Field(default=20_000, ge=1)  # L25
    json_commas: int = Field(default=50_000, ge=1)  # L25

    # what a search may ask
    page_rows: int = Field(default=20, ge=1)  # L09, `_count` where none is asked
    page_rows_most: int = Field(default=100, ge=1)  # L09

    # what one caller may do
    client_rate_per_second: float = Field(default=20.0, gt=0)  # L11
    client_burst: int = Field(default=100, ge=1)  # L11
    token_days: int = Field(default=30, ge=1, le=366)  # L27, `tpi keys token`

    # what is offered, and how long
    hold_hours: int = Field(default=48, ge=1)  # L19
    hold_lead_hours: int = Field(default=2, ge=0)
    """No window is offered that starts sooner; a hold ends at the latest this long before it."""
    proposals_open: int = Field(default=3, ge=1)  # L19

    # advice at an EHR's desk (CDS Hooks)
    cds_seconds: float = Field(default=0.5, gt=0)  # L28, then what is known
    cds_changed_hours: int = Field(default=72, ge=0)
    """How long patient-view tells that a referral has moved."""

    # calls to a placer (L07, L08, L10)
    placer_answer_bytes: int = Field(default=8 * MIB, ge=1)  # L07
    placer_connect_seconds: float = Field(default=3.0, gt=0)  # L08
    placer_read_seconds: float = Field(default=10.0, gt=0)  # L08
    placer_total_seconds: float = Field(
        default=20.0, gt=0
    )  # L08; a lease is at least three times it
    placer_calls: int = Field(default=4, ge=1)  # L10, in flight per placer
    placer_calls_all: int = Field(default=32, ge=1)  # L10

    # work after the commit (L16-L18)
    lease_seconds: float = Field(default=60.0, gt=0)  # L16
    poll_busy_seconds: float = Field(default=0.1, gt=0)  # L17
    poll_idle_seconds: float = Field(default=1.0, gt=0)  # L17
    retry_first_seconds: float = Field(default=2.0, gt=0)  # L18
    retry_most_seconds: float = Field(default=900.0, gt=0)  # L18
    give_up_hours: int = Field(default=24, ge=1)  # L18, then a person

    # the database; its time-outs (L20) belong to its roles: service.store.roles
    pool_web: int = Field(default=10, ge=1)  # L21, connections per process
    pool_worker: int = Field(default=5, ge=1)  # L21

    # a process (L22, L30)
    request_seconds: float = Field(default=15.0, gt=0)  # L22
    stop_seconds: float = Field(default=10.0, gt=0)  # L22
    processes: int = Field(default=1, ge=1)
    """Web processes of one `tpi serve`."""
    messages_at_once: int = Field(default=4, ge=1)  # L30, per process; others wait their turn

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments, then the environment, then `*_FILE`; no dotenv, no secrets folder."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _SecretFiles(settings_cls)

    def url_of(self, role: Role) -> str | None:
        """Return the URL with which a process of this role connects, None for a private server."""
        own = self.web_database_url if role == "web" else self.worker_database_url
        chosen = own or self.database_url
        return chosen.get_secret_value() if chosen else None

    @property
    def fhir_base(self) -> str:
        """Return the public FHIR base, without a last slash."""
        return f"{self.public_url}/fhir"

    def owner_url(self) -> str | None:
        """Return the owner's URL, None for a private server."""
        return self.database_url.get_secret_value() if self.database_url else None


def variable(field_name: str, field: FieldInfo) -> str:
    """Name the environment variable of a field."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return PREFIX + field_name.upper()


def secrets(fields: Mapping[str, FieldInfo]) -> tuple[str, ...]:
    """Name the fields whose value may stand in a `*_FILE`."""
    return tuple(name for name, field in fields.items() if "SecretStr" in str(field.annotation))


def read_settings() -> Settings:
    """Read the environment once.

    Raises:
        SettingsError: a value cannot be used; the text names the variable and never the value.
    """
    try:
        return Settings()
    except ValidationError as refused:
        faults = refused.errors(include_input=False, include_url=False, include_context=False)
        raise SettingsError(
            "; ".join(_told(fault["loc"], fault["msg"]) for fault in faults)
        ) from None


def _told(loc: tuple[int | str, ...], message: str) -> str:
    name = str(loc[0]) if loc else "settings"
    field = Settings.model_fields.get(name)
    return f"{variable(name, field) if field else name}: {message}"


def child_environment(**extra: str) -> dict[str, str]:
    """Return this process's environment for a child of ours, with `extra` set over it."""
    return {**os.environ, **extra}  # noqa: TID251 - settings read the environment


def sudo_uid() -> int:
    """Return the uid of the person behind sudo, 0 where there is none."""
    told = os.environ.get("SUDO_UID", "")  # noqa: TID251 - settings read the environment
    return int(told) if told.isdecimal() else 0
