"""Settings of one process, read once from the environment and passed on.

Guarantees: every setting is `WASTELENS_<NAME>`; a secret may also come as `WASTELENS_<NAME>_FILE` (a path). The
defaults run everything in one folder without any other service.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from backend.review_weights import ReviewWeights
from backend.rollout_plan import RolloutPlan
from mobile_models import bundled

PREFIX = "WASTELENS_"
_REPOSITORY_ROOT = Path(__file__).resolve().parent.parent


class SecretFileSource(PydanticBaseSettingsSource):
    """`WASTELENS_X_FILE=/run/secrets/x` sets x to the content of that file, without its last newline."""

    def get_field_value(self, field: object, field_name: str) -> tuple[str | None, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        return (Path(path).read_text().rstrip("\n") if path else None), field_name, False

    def __call__(self) -> dict[str, str]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    environment: Literal["development", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    public_url: str = Field(default="", description="address that phones use; empty: http://host:port")
    timezone: str = Field(default="UTC", description="of the city, for the times that pages show, such as Asia/Saigon")
    map_tiles: str = Field(
        default="", description="raster tiles, such as https://tiles.example.org/{z}/{x}/{y}.png; empty: a plain ground"
    )
    map_attribution: str = Field(default="", description="what whoever made the tiles and districts wants to be named")
    districts_file: Path | None = Field(
        default=None, description="GeoJSON with the shapes of districts; their property `name` is the place of photos"
    )
    map_tile_hosts: str = Field(default="", description="origins of map tiles, such as https://tiles.example.org")
    trusted_proxies: str = Field(
        default="127.0.0.1,::1", description="addresses or networks whose X-Forwarded-For is believed"
    )

    data_dir: Path = Field(default=Path("var"), description="everything that the embedded default keeps")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in data_dir")
    broker_url: str = Field(default="", description="Celery broker; empty: a SQLite file of its own in data_dir")
    storage_url: str = Field(default="", description="photos and artefacts; empty: a folder; or s3://bucket/prefix")
    updates_url: str = Field(default="", description="the update repository; empty: a folder; or s3://bucket/prefix")
    updates_grace_days: float = Field(
        default=7, ge=4, description="old models and metadata leave the update repository so long after their last use"
    )
    s3_endpoint: str = Field(default="", description="S3-compatible endpoint when it is not AWS")
    s3_access_key_id: str = ""
    s3_secret_access_key: str = ""
    s3_region: str = "us-east-1"

    keys_dir: Path | None = Field(
        default=None, description="private keys this process may sign with; empty: data_dir/keys"
    )
    bundled_release: Path | None = Field(
        default=None, description="release folder loaded at the first start, and given to web phones with the app"
    )
    web_app_dir: Path = Field(
        default=_REPOSITORY_ROOT / "web" / "dist", description="the residents' app, as `make web` builds it"
    )
    web_channel: Literal["stable", "beta"] = Field(default="stable", description="that the residents' app follows")
    web_updates_url: str = Field(
        default="",
        pattern=r"^$|^https?://[^\s/;,]+(/[^\s;,]*)?$",
        description="where the residents' app fetches updates, such as https://updates.example.org; empty: here",
    )
    city: str = Field(
        default="example", pattern="^$|^[a-z][a-z0-9_]{0,39}$", description="whose guide the residents' app follows"
    )
    city_name: str = Field(default="", description="what the app calls the city; empty: as its guide does")
    administrator: str = "administrator"
    administrator_password: str = Field(
        default="", description="of the first administrator; empty: made once and printed"
    )

    max_photo_bytes: int = 12 * 1024 * 1024
    max_photo_pixels: int = 50_000_000
    folders_dir: Path | None = Field(
        default=None, description="folders of photos below it may be named in the console; empty: photos are sent"
    )
    max_folder_bytes: int = Field(
        default=256 * 1024 * 1024, ge=1, description="of photos that staff send at once, to classify or to retrain on"
    )
    stored_photo_edge_pixels: int = Field(default=1600, description="longest edge of what is stored")
    submissions_per_device_per_day: int = 300
    classifications_per_device_per_minute: int = 60
    registrations_per_address_per_hour: int = Field(
        default=1000, description="many residents share the address of their mobile network"
    )
    sign_ins_per_address_per_minute: int = Field(default=30, description="of staff, whatever the name")
    request_deadline_seconds: float = Field(
        default=900.0, gt=0, description="for a whole request to arrive: 12 MB at 20 kB/s take ten minutes"
    )
    slowest_bytes_per_second: int = Field(default=8_000, ge=0, description="a request that arrives slower is cut")
    staff_session_hours: int = Field(default=12, ge=1, description="then one signs in again, however busy")
    staff_idle_minutes: int = Field(default=120, ge=1, description="without any request a session ends")
    second_factor_roles: str = Field(
        default="", description="roles that sign in with a password and a second factor, such as administrator,engineer"
    )
    secret_key: str = Field(
        default="",
        pattern="^$|^.{32,}$",
        description="seals second factors; the same on all servers; empty: made once in data_dir",
    )
    password_sign_in: bool = Field(default=True, description="false: by passkey and single sign-on alone")
    oidc_issuer: str = Field(default="", description="OpenID Connect of the city; https outside development")
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_scope: str = "openid profile"
    oidc_name_claim: str = Field(default="preferred_username", description="what somebody new is called here")
    oidc_role_claim: str = Field(default="roles", description="a text or a list of them; a.b looks inside of a")
    oidc_roles: str = Field(
        default="", description="VALUE=ROLE, with commas; the first that fits; nobody else gets in this way"
    )
    oidc_label: str = Field(default="", description="of the button, such as City account")
    review_claim_minutes: int = 10
    review_random_fraction: float = Field(default=0.1, ge=0, le=1)
    review_check_fraction: float = Field(
        default=0.04,
        ge=0,
        le=0.5,
        description="of what reviewers see is decided already, to learn how reliable they are",
    )
    review_weight_uncertainty: float = Field(default=0.25, ge=0, description="of the model, in the value of a review")
    review_weight_models_disagree: float = Field(default=0.25, ge=0)
    review_weight_resident_disagrees: float = Field(default=0.25, ge=0)
    review_weight_rarity: float = Field(default=0.15, ge=0)
    review_weight_novelty: float = Field(default=0.10, ge=0)
    review_overlays: bool = Field(
        default=True, description="let train workers show reviewers where the model looked; it needs Keras there"
    )
    two_opinions_labels: str = Field(
        default="", description="labels that two people must give, such as battery,medical_waste"
    )
    reliability_floor: float = Field(
        default=0.75, ge=0, le=1, description="whoever is less reliable with a label needs another one to say the same"
    )
    gold_labels_per_device_and_class: int = Field(
        default=40, description="photos of one device and class that one dataset snapshot takes at most"
    )

    recipe: str = Field(default="resnet50v2_tuned", description="of scheduled retraining")
    weights: str = Field(default="imagenet", description="imagenet, random, champion, or the path of a weights file")
    retrain_mode: Literal["from_scratch", "fine_tune", "from_scratch_all"] = Field(
        default="from_scratch_all", description="of scheduled retraining, as soon as there is a champion"
    )
    retrain_every_days: int = Field(default=30, ge=0, description="0: never by calendar")
    retrain_after_gold_labels: int = Field(default=500, ge=0, description="0: never by count")
    retrain_minimum_per_class: int = Field(default=10, ge=0)
    approvals_needed: int = Field(default=1, ge=1, le=2)
    approve_automatically: bool = Field(
        default=False, description="approve what beat the release that is current, without people"
    )
    rollout_plan: str = Field(
        default="5:24, 25:24, 50:24, 100",
        description="PERCENT:HOURS of each step, where whoever approves says no other",
    )
    releases_kept: int = Field(default=5, ge=1, description="newest releases that phones can be sent back to")
    kept_while_used_by_percent: float = Field(
        default=1.0, ge=0, le=100, description="a release that more of the phones still run is kept, too"
    )
    targets_threshold: int = Field(default=1, ge=1)
    notices_webhook_url: str = Field(
        default="", description="where staff are told at once, signed as Standard Webhooks; https outside development"
    )
    notices_webhook_secret: str = Field(default="", description="whsec_ and 24 to 64 bytes in base64")
    notices_email_to: str = Field(default="", description="addresses, with commas; empty: no e-mail")
    notices_email_from: str = ""
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none is for development alone"
    )
    smtp_user: str = ""
    smtp_password: str = ""
    field_reports_per_device_per_hour: int = Field(
        default=100, ge=1, description="a phone that was away for a month brings thirty at once"
    )
    smallest_cell_phones: int = Field(
        default=5, ge=1, description="figures of fewer phones are not told, those of a rarer phone model as `other`"
    )
    compared_answers_per_phone_and_day: int = Field(default=20, ge=1, description="so that no phone outvotes others")
    evidence_block_seconds: int = Field(
        default=600, ge=1, description="a rollout is judged by reports up to the end of the last such block"
    )
    halt_alpha: float = Field(
        default=0.02,
        gt=0,
        le=0.2,
        description="chance that a harmless rollout is ever halted for failures, and as much for corrections",
    )
    tolerated_failure_fraction: float = Field(
        default=0.01, gt=0, lt=0.5, description="of phones whose self-test or loading may fail without a halt"
    )
    tolerated_worsening_fraction: float = Field(
        default=0.01, ge=0, lt=0.5, description="corrected so much more often, a release is not halted"
    )
    rejections_to_halt: int = Field(
        default=5, ge=1, description="phones that reject a release which no phone has passed yet, to halt at once"
    )
    watched_after_completion_days: float = Field(
        default=14.0,
        ge=0,
        description="staff are told if a release that everybody got fails on phones within this time",
    )
    widen_alpha: float = Field(default=0.05, gt=0, le=0.2, description="chance to widen what is worse by the margin")
    widen_margin_fraction: float = Field(
        default=0.03, gt=0, lt=0.5, description="a rollout widens once it is not corrected so much more often"
    )
    widen_answers_needed: int = Field(default=300, ge=1, description="of the candidate, at each step")
    widen_without_proof_days: float = Field(
        default=7.0, gt=0, description="at one step without any sign of harm, where answers are too few to prove it"
    )
    answers_correlation: float = Field(
        default=0.1, ge=0, le=1, description="of the answers of one phone: residents differ in how much they correct"
    )
    features_dir: Path | None = Field(
        default=None, description="where a train worker keeps features of photos for later runs; empty: with its work"
    )
    features_gigabytes: float = Field(default=10.0, ge=0, description="what it may keep of them")
    outside_dir: Path | None = Field(
        default=None, description="labelled photos taken elsewhere, on which every new model is measured, too"
    )
    outside_labels: str | None = Field(default=None, description="label map for them, by name or file")
    train_threads: int = Field(default=0, ge=0, description="0: as many as there are cores")
    job_lease_seconds: float = Field(default=60.0, gt=0)
    sweep_seconds: float = Field(default=20.0, gt=0)

    @field_validator("rollout_plan")
    @classmethod
    def _is_a_plan(cls, given: str) -> str:
        return str(RolloutPlan.parse(given))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFileSource(settings_cls)

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'wastelens.sqlite3'}"

    @property
    def resolved_broker_url(self) -> str:
        return self.broker_url or f"sqla+sqlite:///{self.data_dir.resolve() / 'queue.sqlite3'}"

    @property
    def resolved_storage_url(self) -> str:
        return self.storage_url or (self.data_dir.resolve() / "storage").as_uri()

    @property
    def resolved_updates_url(self) -> str:
        return self.updates_url or (self.data_dir.resolve() / "updates").as_uri()

    @property
    def resolved_keys_dir(self) -> Path:
        return self.keys_dir or self.data_dir.resolve() / "keys"

    @property
    def resolved_bundled_release(self) -> Path:
        """Raise `FileNotFoundError` if none came with the program."""
        return self.bundled_release or bundled.newest()

    @property
    def resolved_public_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def review_weights(self) -> ReviewWeights:
        return ReviewWeights(
            uncertainty=self.review_weight_uncertainty,
            models_disagree=self.review_weight_models_disagree,
            resident_disagrees=self.review_weight_resident_disagrees,
            rarity=self.review_weight_rarity,
            novelty=self.review_weight_novelty,
        )

    @property
    def labels_for_two(self) -> frozenset[str]:
        return frozenset(filter(None, (each.strip() for each in self.two_opinions_labels.split(","))))

    @property
    def work_dir(self) -> Path:
        """Local scratch of workers: snapshots and run directories. Losing it costs time, never data."""
        return self.data_dir.resolve() / "work"

    @property
    def resolved_features_dir(self) -> Path:
        return self.features_dir or self.work_dir / "features"

    @property
    def job_lease(self) -> timedelta:
        return timedelta(seconds=self.job_lease_seconds)
