"""All tables.

Guarantees: opinions (`Prediction`, `Correction`, `Review`) are only ever added; `Photo.gold_label` is computed from
them. A phone's submission and an imported photo are both a `Photo`. Every row that waits for work has a `Job`.
"""

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NewType

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from backend.database import UtcDateTime, now

PhotoId = NewType("PhotoId", str)
"""The UUID that the phone made, as 36 lower-case characters."""
DeviceId = NewType("DeviceId", str)

# Every constraint has a name, so that a later migration can change it on every database.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

_Id = BigInteger().with_variant(Integer(), "sqlite")


def new_id() -> str:
    return str(uuid.uuid4())


def _serial() -> Any:
    return Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))


def _one_of(states: type[StrEnum]) -> Enum:
    """Stored as its plain text, so that a new state needs no migration of a database type."""
    return Enum(states, native_enum=False, length=32, values_callable=lambda kind: [member.value for member in kind])


def _moment(*, index: bool = False) -> Any:
    return Field(default_factory=now, sa_type=UtcDateTime, index=index)


def _optional_moment(*, index: bool = False) -> Any:
    return Field(default=None, sa_type=UtcDateTime, index=index)


class Device(SQLModel, table=True):
    """A phone, known only by a random id and the digest of its token."""

    __tablename__ = "devices"
    id: str = Field(default_factory=new_id, primary_key=True)
    token_sha256: str = Field(unique=True)
    created_at: datetime = _moment()


WAITS = "state = 'inspected' AND allow_review IS {true} AND gold_label IS NULL AND rejected_at IS NULL"
"""What is in the review queue, as its queries write it, so that they find their indexes."""


_QUEUED = ("state", "received_at", "id")
"""The state is the same for all that waits; SQLite takes such an index only where it comes first."""


def _partial(name: str, columns: tuple[str, ...], where: str) -> Index:
    """An index of some rows. Databases write `true` in two ways."""
    on_sqlite, elsewhere = text(where.format(true="1")), text(where.format(true="true"))
    return Index(name, *columns, postgresql_where=elsewhere, sqlite_where=on_sqlite)


class PhotoState(StrEnum):
    RECEIVED = "received"  # waits for inspection
    INSPECTED = "inspected"
    QUARANTINED = "quarantined"  # kept from everybody, with a reason
    WITHDRAWN = "withdrawn"  # tombstone: the bytes are gone
    HIDDEN = "hidden"  # by somebody of the staff, from review and training, until it is shown again


class PhotoSource(StrEnum):
    SUBMISSION = "submission"
    IMPORT = "import"


class LocationPrecision(StrEnum):
    """What a resident chose to tell, and to how many decimals of a degree it is kept."""

    EXACT = "exact"  # 5: about a metre
    STREET = "street"  # 3: about a hundred metres
    DISTRICT = "district"  # 2: about a kilometre


class ReviewVerdict(StrEnum):
    AGREE = "agree"
    RELABEL = "relabel"
    REJECT = "reject"  # for a reason (RejectReason)
    NOT_WASTE = "not_waste"  # so are these three rejected, and useful to teach a model when to be unsure
    BAD_PHOTO = "bad_photo"
    SEVERAL_THINGS = "several_things"
    UNSURE = "unsure"  # looked, and cannot tell: somebody else has to
    SECOND_OPINION = "second_opinion"
    UNDO = "undo"  # takes an earlier opinion of the same person back


class RejectReason(StrEnum):
    PERSON = "person"  # somebody can be recognised
    PRIVATE = "private"  # a name, an address, a number plate
    OFFENSIVE = "offensive"
    OTHER = "other"


class CorrectionReason(StrEnum):
    """Why a resident says something else than the phone did."""

    WRONG_MATERIAL = "wrong_material"  # it looks like another material than it is
    SEVERAL_MATERIALS = "several_materials"  # one thing, made of more than one of them
    SEVERAL_THINGS = "several_things"
    DIRTY_OR_WET = "dirty_or_wet"
    BAD_PHOTO = "bad_photo"
    NONE_FITS = "none_fits"  # the label is only the nearest one


SEARCHED = (
    "gold_label",
    "predicted_label",
    "predicted_release",
    "corrected_label",
    "place",
    "source",
    "split",
    "state",
)
"""Columns by which staff search: each finds its photos in the order in which they came, without sorting."""
COUNTED = (
    "received_at",
    "id",
    "state",
    "place",
    "gold_label",
    "corrected_label",
    "predicted_label",
    "latitude",
    "longitude",
)
"""What maps and curves are counted from: they read this index alone, never the photos."""


class Photo(SQLModel, table=True):
    """A photo with what is known of it. `sha256` is of the stored bytes, `origin_sha256` of the bytes that came."""

    __tablename__ = "photos"
    __table_args__ = (
        _partial("ix_photos_queue_half_decided", _QUEUED, f"{WAITS} AND needs_second_opinion IS {{true}}"),
        _partial("ix_photos_queue_by_value", ("state", "review_value"), WAITS),
        _partial("ix_photos_queue_by_chance", _QUEUED, f"{WAITS} AND in_random_share IS {{true}}"),
        _partial("ix_photos_sure_gold", ("id",), "gold_is_sure IS {true}"),
        *(Index(f"ix_photos_found_by_{name}", name, "received_at", "id") for name in SEARCHED),
        Index("ix_photos_counted", *COUNTED),
        Index("ix_photos_device_id_received_at_id", "device_id", "received_at", "id"),
    )
    id: str = Field(primary_key=True)
    source: PhotoSource = Field(sa_type=_one_of(PhotoSource))
    device_id: str | None = Field(
        default=None,
        foreign_key="devices.id",
        description="null: imported, or left by a phone that was forgotten",
    )
    fingerprint: str = Field(description="SHA-256 of all that was sent under this id: makes PUT idempotent")
    state: PhotoState = Field(default=PhotoState.RECEIVED, sa_type=_one_of(PhotoState), index=True)
    quarantine_reason: str | None = None
    withdrawn_at: datetime | None = _optional_moment()

    sha256: str = Field(index=True)
    origin_sha256: str = Field(index=True)
    width: int
    height: int
    size_bytes: int
    received_at: datetime = _moment(index=True)
    captured_on: date | None = None
    place: str | None = Field(default=None, description="as coarse as the resident chose")
    latitude: float | None = Field(default=None, description="rounded as `location_precision` says")
    longitude: float | None = None
    location_precision: LocationPrecision | None = Field(default=None, sa_type=_one_of(LocationPrecision))
    note: str | None = Field(default=None, description="the resident's, plain text")
    licence: str | None = None
    origin: str | None = Field(default=None, description="for imports: data set and path")
    allow_review: bool = False
    allow_training: bool = False

    inspected_at: datetime | None = _optional_moment()
    perceptual_hash: str | None = Field(default=None, index=True, description="64-bit pHash, 16 hexadecimal digits")
    embedding: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    embedding_release: int | None = None
    group_id: str = Field(index=True, description="photos of one object, or nearly the same photo, share it")
    novelty: float | None = Field(
        default=None, description="for the server's model; from 1 on it is too far from all that the model learnt from"
    )
    review_value: float = Field(default=0.0, index=True)
    review_parts: dict[str, float] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True), description="what the value is made of"
    )
    in_random_share: bool = False

    predicted_label: str | None = Field(default=None, description="of the phone's `Prediction`, else the server's")
    predicted_release: int | None = None
    confidence: float | None = Field(default=None, index=True, description="best score of that prediction")
    corrected_label: str | None = Field(default=None, description="of the newest `Correction`")
    hidden_at: datetime | None = _optional_moment()
    hidden_reason: str | None = None

    gold_label: str | None = Field(default=None, index=True)
    gold_labelled_at: datetime | None = _optional_moment()
    gold_is_sure: bool = Field(default=False, description="two people say so and nobody else, or it was imported")
    rejected_at: datetime | None = _optional_moment()
    rejected_as: ReviewVerdict | None = Field(default=None, sa_type=_one_of(ReviewVerdict))
    needs_second_opinion: bool = False
    split: str | None = Field(default=None, description="training.dataset.Split, given once; holdout is for ever")


class Opinionated(StrEnum):
    PHONE = "phone"
    SERVER = "server"


class Prediction(SQLModel, table=True):
    """A model's opinion."""

    __tablename__ = "predictions"
    __table_args__ = (UniqueConstraint("photo_id", "made_by", "release_version"),)
    id: int | None = _serial()
    photo_id: str = Field(foreign_key="photos.id", index=True)
    made_by: Opinionated = Field(sa_type=_one_of(Opinionated))
    release_version: int
    label: str = Field(description="label id or 'unsure'")
    scores: dict[str, float] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = _moment()


class Correction(SQLModel, table=True):
    """A resident's opinion. The newest of a photo counts."""

    __tablename__ = "corrections"
    id: int | None = _serial()
    photo_id: str = Field(foreign_key="photos.id", index=True)
    label: str
    reason: CorrectionReason | None = Field(default=None, sa_type=_one_of(CorrectionReason))
    created_at: datetime = _moment()


class Review(SQLModel, table=True):
    """A reviewer's opinion, or an importer's."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_staff_id_created_at", "staff_id", "created_at"),)
    id: int | None = _serial()
    photo_id: str = Field(foreign_key="photos.id", index=True)
    staff_id: int = Field(foreign_key="staff.id")
    verdict: ReviewVerdict = Field(sa_type=_one_of(ReviewVerdict))
    label: str | None = Field(default=None, description="of agree and relabel")
    reason: RejectReason | None = Field(default=None, sa_type=_one_of(RejectReason), description="of reject")
    decides_alone: bool = Field(default=True, description="false: whatever it says, another one has to say the same")
    takes_back: int | None = Field(
        default=None,
        sa_column=Column(_Id, ForeignKey("reviews.id"), nullable=True, unique=True),
        description="of undo: the opinion that no longer counts",
    )
    created_at: datetime = _moment()


class ReviewClaim(SQLModel, table=True):
    """Somebody is looking at this photo until `expires_at`."""

    __tablename__ = "review_claims"
    photo_id: str = Field(foreign_key="photos.id", primary_key=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    expires_at: datetime = _moment()
    is_check: bool = Field(default=False, description="it is decided already: what is said is compared, and no opinion")


class ReviewSkip(SQLModel, table=True):
    """Somebody passed this photo by; for some hours it is offered to others alone."""

    __tablename__ = "review_skips"
    photo_id: str = Field(foreign_key="photos.id", primary_key=True)
    staff_id: int = Field(sa_column=Column(_Id, ForeignKey("staff.id"), primary_key=True, autoincrement=False))
    skipped_at: datetime = _moment()


class GoldCheck(SQLModel, table=True):
    """What somebody said of a photo that was decided already, without knowing that."""

    __tablename__ = "gold_checks"
    __table_args__ = (Index("ix_gold_checks_staff_id_said", "staff_id", "said"),)
    id: int | None = _serial()
    photo_id: str = Field(foreign_key="photos.id", index=True)
    staff_id: int = Field(foreign_key="staff.id")
    verdict: ReviewVerdict = Field(sa_type=_one_of(ReviewVerdict))
    said: str | None = Field(default=None, description="label; null where the verdict has none")
    expected: str
    is_right: bool
    created_at: datetime = _moment()


class Role(StrEnum):
    """What each of them may do stands in `backend.people.permissions`."""

    REVIEWER = "reviewer"
    ENGINEER = "engineer"
    GUIDE_EDITOR = "guide_editor"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Staff(SQLModel, table=True):
    __tablename__ = "staff"
    id: int | None = _serial()
    name: str = Field(unique=True)
    password_hash: str
    role: Role = Field(sa_type=_one_of(Role))
    areas: list[str] | None = Field(
        default=None,
        sa_column=Column(JSON(none_as_null=True), nullable=True),
        description="places (Photo.place) that this person works in; null: everywhere",
    )
    subject: str | None = Field(
        default=None, unique=True, description="of single sign-on: who the city's own sign-in says this is"
    )
    created_at: datetime = _moment()
    disabled_at: datetime | None = _optional_moment()


class SignInWay(StrEnum):
    PASSWORD = "password"  # noqa: S105  # The name of a way, as the next ones.
    PASSWORD_AND_CODE = "password_and_code"  # noqa: S105
    PASSKEY = "passkey"
    SINGLE_SIGN_ON = "single_sign_on"
    COMMAND_LINE = "command_line"  # a token that somebody made in a session, for programs


class StaffSession(SQLModel, table=True):
    __tablename__ = "staff_sessions"
    token_sha256: str = Field(primary_key=True)
    staff_id: int = Field(foreign_key="staff.id", index=True)
    way: SignInWay = Field(sa_type=_one_of(SignInWay))
    device: str = Field(default="", description="browser and system, no more")
    address: str = Field(default="", description="the network, never the whole address")
    created_at: datetime = _moment()
    last_seen_at: datetime = _moment()
    expires_at: datetime = _moment()


class StaffCode(SQLModel, table=True):
    """The second factor of somebody (RFC 6238). It counts once it has been confirmed with a code."""

    __tablename__ = "staff_codes"
    staff_id: int = Field(sa_column=Column(_Id, ForeignKey("staff.id"), primary_key=True, autoincrement=False))
    sealed_secret: str = Field(description="backend.people.sealing: useless without the key of this installation")
    last_step: int = Field(default=0, sa_type=BigInteger, description="of the newest code taken; none is taken twice")
    created_at: datetime = _moment()
    confirmed_at: datetime | None = _optional_moment()


class StaffBackupCode(SQLModel, table=True):
    """Takes the place of a code, once."""

    __tablename__ = "staff_backup_codes"
    staff_id: int = Field(sa_column=Column(_Id, ForeignKey("staff.id"), primary_key=True, autoincrement=False))
    code_sha256: str = Field(primary_key=True)


class StaffPasskey(SQLModel, table=True):
    __tablename__ = "staff_passkeys"
    id: int | None = _serial()
    staff_id: int = Field(foreign_key="staff.id", index=True)
    credential_id: str = Field(unique=True, description="base64url")
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sign_count: int = Field(default=0, sa_type=BigInteger)
    name: str
    created_at: datetime = _moment()
    last_used_at: datetime | None = _optional_moment()


class TicketPurpose(StrEnum):
    SECOND_STEP = "second_step"  # the password fitted, the second factor is missing
    NEW_PASSWORD = "new_password"  # noqa: S105  # a link with which somebody chooses a password
    PASSKEY_REGISTRATION = "passkey_registration"
    PASSKEY_SIGN_IN = "passkey_sign_in"


class StaffTicket(SQLModel, table=True):
    """Lets its holder do one thing, once, within minutes or hours."""

    __tablename__ = "staff_tickets"
    token_sha256: str = Field(primary_key=True)
    purpose: TicketPurpose = Field(sa_type=_one_of(TicketPurpose))
    staff_id: int | None = Field(default=None, foreign_key="staff.id", index=True)
    detail: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    expires_at: datetime = _moment(index=True)


class PhotoNote(SQLModel, table=True):
    """What somebody of the staff noted on a photo."""

    __tablename__ = "photo_notes"
    id: int | None = _serial()
    photo_id: str = Field(foreign_key="photos.id", index=True)
    staff_id: int = Field(foreign_key="staff.id")
    text: str
    created_at: datetime = _moment()


class NoteWord(SQLModel, table=True):
    """A word of the notes on a photo, as `searching.note_words` writes it. Sorted by code points on every database."""

    __tablename__ = "note_words"
    word: str = Field(
        sa_column=Column(String(64).with_variant(String(64, collation="C"), "postgresql"), primary_key=True)
    )
    photo_id: str = Field(foreign_key="photos.id", primary_key=True, index=True)


class DeviceBlock(SQLModel, table=True):
    """Nothing is taken from a device any more, until the block is lifted."""

    __tablename__ = "device_blocks"
    __table_args__ = (
        Index(
            "uq_device_blocks_open_device",
            "device_id",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )
    id: int | None = _serial()
    device_id: str = Field(foreign_key="devices.id", index=True)
    reason: str
    blocked_by: str
    blocked_at: datetime = _moment()
    lifted_at: datetime | None = _optional_moment()


class DatasetSnapshotState(StrEnum):
    REQUESTED = "requested"
    FROZEN = "frozen"
    FAILED = "failed"


class DatasetSnapshotRow(SQLModel, table=True):
    """A frozen data set. Its document is `training.dataset.DatasetSnapshot`, stored under its digest."""

    __tablename__ = "dataset_snapshots"
    id: int | None = _serial()
    state: DatasetSnapshotState = Field(
        default=DatasetSnapshotState.REQUESTED, sa_type=_one_of(DatasetSnapshotState), index=True
    )
    digest: str | None = Field(default=None, index=True)
    parent_digest: str | None = None
    counts: dict[str, dict[str, int]] | None = Field(
        default=None, sa_column=Column(JSON, nullable=True), description="split to label to photos"
    )
    requested_by: str
    created_at: datetime = _moment()
    frozen_at: datetime | None = _optional_moment()
    error: str | None = None


class DatasetSnapshotPhoto(SQLModel, table=True):
    """Which photo went into which data set, so that a receipt can name the models that saw it."""

    __tablename__ = "dataset_snapshot_photos"
    snapshot_id: int = Field(sa_column=Column(_Id, primary_key=True, autoincrement=False))
    photo_id: str = Field(foreign_key="photos.id", primary_key=True, index=True)
    split: str
    label: str


class TrainingRunState(StrEnum):
    REQUESTED = "requested"
    RUNNING = "running"
    BLESSED = "blessed"  # finished, passed the gate, a release is proposed
    BLOCKED = "blocked"  # finished, the gate said no
    FAILED = "failed"
    CANCELLED = "cancelled"


class TrainingMode(StrEnum):
    FROM_SCRATCH = "from_scratch"  # from the recipe's own weights, on what is new to the champion alone
    FINE_TUNE = "fine_tune"  # from the champion's checkpoint, on what is new to it, with a rehearsal of old photos
    FROM_SCRATCH_ALL = "from_scratch_all"  # from the recipe's own weights, on old and new photos


class TrainingRun(SQLModel, table=True):
    __tablename__ = "training_runs"
    id: str = Field(default_factory=new_id, primary_key=True)
    state: TrainingRunState = Field(default=TrainingRunState.REQUESTED, sa_type=_one_of(TrainingRunState), index=True)
    recipe: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="training.recipe.Recipe")
    mode: TrainingMode = Field(sa_type=_one_of(TrainingMode))
    weights: str
    seed: int
    snapshot_id: int = Field(foreign_key="dataset_snapshots.id", index=True)
    trigger: str = Field(description="calendar, gold_labels, or hand")
    requested_by: str
    release_version: int = Field(unique=True, description="number its release will have")
    champion_version: int | None = None
    progress: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    blessing: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    error: str | None = None
    cancel_requested_at: datetime | None = _optional_moment()
    created_at: datetime = _moment(index=True)
    started_at: datetime | None = _optional_moment()
    finished_at: datetime | None = _optional_moment()


class TrainingPoint(SQLModel, table=True):
    """What one epoch of a run measured, for its curves; written while it runs."""

    __tablename__ = "training_points"
    run_id: str = Field(foreign_key="training_runs.id", primary_key=True)
    epoch: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    stage: str
    metrics: dict[str, float] = Field(sa_column=Column(JSON, nullable=False))


class RecipeConfiguration(SQLModel, table=True):
    """One version of a recipe that people named: what differs from one that comes with the program."""

    __tablename__ = "recipe_configurations"
    __table_args__ = (UniqueConstraint("name", "version"),)
    id: int | None = _serial()
    name: str = Field(index=True)
    version: int = Field(description="from 1; a saved version never changes")
    base: str = Field(description="name of the recipe that it changes")
    changes: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="dotted path to value")
    digest: str = Field(description="of the whole recipe, as it was when this was saved")
    note: str = ""
    saved_by: str
    created_at: datetime = _moment()


class RecipeDraft(SQLModel, table=True):
    """What one person has changed about the recipe of the next run and not saved yet."""

    __tablename__ = "recipe_drafts"
    staff_id: int = Field(sa_column=Column(_Id, ForeignKey("staff.id"), primary_key=True, autoincrement=False))
    base: str = Field(description="name of the recipe that it changes")
    changes: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="dotted path to value")
    changed_at: datetime = _moment()


class ReleaseState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"  # waits for the publisher
    AWAITING_SIGNATURES = "awaiting_signatures"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"  # for ever


class Release(SQLModel, table=True):
    """A model that may be given to phones or not. Files lie in storage under `artefacts/releases/<version>/`."""

    __tablename__ = "releases"
    version: int = Field(sa_column=Column(_Id, primary_key=True, autoincrement=False))
    state: ReleaseState = Field(default=ReleaseState.PROPOSED, sa_type=_one_of(ReleaseState), index=True)
    training_run_id: str | None = Field(default=None, foreign_key="training_runs.id")
    manifest: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    blessing: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = _moment()
    published_at: datetime | None = _optional_moment()
    retired_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="no longer kept for phones; it never comes back"
    )


class ReleaseApproval(SQLModel, table=True):
    __tablename__ = "release_approvals"
    version: int = Field(sa_column=Column(_Id, primary_key=True, autoincrement=False))
    staff_id: int = Field(foreign_key="staff.id", primary_key=True)
    reason: str = ""
    created_at: datetime = _moment()


class ReleaseSignature(SQLModel, table=True):
    """A signature of the staged `targets` metadata, made where no server could see the key."""

    __tablename__ = "release_signatures"
    version: int = Field(sa_column=Column(_Id, primary_key=True, autoincrement=False))
    key_id: str = Field(primary_key=True)
    staged_sha256: str = Field(description="of the signed part; a newly staged file makes older signatures void")
    signature: str
    created_at: datetime = _moment()


class ReleaseChannel(SQLModel, table=True):
    """Who runs what. The rows are made by the migration; locking them all keeps decisions about releases in order."""

    __tablename__ = "release_channels"
    name: str = Field(primary_key=True)
    current_version: int | None = Field(default=None, description="for everybody; null: the bundled release")
    conditions: dict[str, bool] = Field(
        default_factory=dict,
        sa_column=Column(JSON, nullable=False),
        description="mobile_models.updates.update_channel.DownloadConditions for the current release",
    )
    return_to_bundled: bool = Field(default=False, description="until it ends everybody runs the bundled release")


class RolloutState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"  # stays as wide as it is
    HALTED = "halted"  # offered to nobody; may be resumed
    COMPLETED = "completed"  # its release became the channel's current one
    WITHDRAWN = "withdrawn"  # for ever, with its release


OPEN_ROLLOUT = (RolloutState.RUNNING, RolloutState.PAUSED)


class Rollout(SQLModel, table=True):
    """One release is brought to one channel."""

    __tablename__ = "rollouts"
    __table_args__ = (
        Index(
            "uq_rollouts_open_channel",
            "channel",
            unique=True,
            sqlite_where=text("state IN ('running', 'paused')"),
            postgresql_where=text("state IN ('running', 'paused')"),
        ),
    )
    id: int | None = _serial()
    channel: str = Field(foreign_key="release_channels.name")
    version: int = Field(sa_column=Column(_Id, ForeignKey("releases.version"), nullable=False, index=True))
    state: RolloutState = Field(default=RolloutState.RUNNING, sa_type=_one_of(RolloutState), index=True)
    rollout_percent: float
    plan: list[dict[str, float]] = Field(
        sa_column=Column(JSON, nullable=False), description="percent and hours of each step (backend.rollout_plan)"
    )
    salt: str = Field(default_factory=lambda: uuid.uuid4().hex, description="of its cohorts")
    conditions: dict[str, bool] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False), description="DownloadConditions"
    )
    came_from: int | None = Field(default=None, description="current before; null: the bundled release")
    created_at: datetime = _moment()
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime, description="null: not published yet")
    stage_started_at: datetime | None = Field(default=None, sa_type=UtcDateTime, description="at this percentage")
    ended_at: datetime | None = _optional_moment()
    reason: str = Field(default="", description="of its last change")
    judged_at: datetime | None = _optional_moment()
    judgement: str = Field(default="", description="why it was widened or not when it was last looked at")


class PatchState(StrEnum):
    REQUESTED = "requested"
    READY = "ready"
    NOT_SMALLER = "not_smaller"  # hardly smaller than the whole model, or not at all
    FAILED = "failed"


class Patch(SQLModel, table=True):
    """What turns the model of one release into that of another. Its file lies below `artefacts/patches/`."""

    __tablename__ = "patches"
    from_version: int = Field(sa_column=Column(_Id, ForeignKey("releases.version"), primary_key=True))
    to_version: int = Field(sa_column=Column(_Id, ForeignKey("releases.version"), primary_key=True))
    state: PatchState = Field(default=PatchState.REQUESTED, sa_type=_one_of(PatchState), index=True)
    method: str | None = Field(default=None, description="mobile_models.updates.patches.Method, in lower case")
    size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    sha256: str | None = None
    requested_at: datetime = _moment()
    ended_at: datetime | None = _optional_moment()
    error: str | None = None


class PublishedPointer(SQLModel, table=True):
    """Permanent history: what a channel told phones from `at` on, until its next row. Never changed, never deleted."""

    __tablename__ = "published_pointers"
    id: int | None = _serial()
    at: datetime = _moment()
    channel: str = Field(foreign_key="release_channels.name", index=True)
    pointer: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="ChannelPointer")
    metadata_versions: dict[str, int] = Field(
        sa_column=Column(JSON, nullable=False), description="number of each role's metadata that said so"
    )


class FieldReceipt(SQLModel, table=True):
    """What was counted once already. A digest, so that nobody reads from it which phone reported; gone after weeks."""

    __tablename__ = "field_receipts"
    digest: str = Field(primary_key=True)
    day: date = Field(index=True, description="of the report")


class FieldDay(SQLModel, table=True):
    """What phones met on a UTC day: one count by name (backend.field_counts), from all phones together."""

    __tablename__ = "field_days"
    day: date = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    version: int = Field(sa_column=Column(_Id, primary_key=True, autoincrement=False))
    arm: str = Field(primary_key=True, description="mobile_models.field_report.Arm")
    name: str = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger)


class FieldWeek(SQLModel, table=True):
    """The same by kind of phone, in weeks: a day of a rare phone would tell of one person."""

    __tablename__ = "field_weeks"
    __table_args__ = (
        Index("ix_field_weeks_version", "version"),
        Index("ix_field_weeks_week_phone_model", "week", "phone_model"),
        Index("ix_field_weeks_week_app_version", "week", "app_version"),
    )
    week: date = Field(primary_key=True, description="its Monday")
    version: int = Field(sa_column=Column(_Id, primary_key=True, autoincrement=False))
    phone_model: str = Field(primary_key=True)
    app_version: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger)


class FieldBlock(SQLModel, table=True):
    """What rollouts are judged by, in blocks of the time at which it came in: each look finds what earlier ones saw."""

    __tablename__ = "field_blocks"
    received_at: datetime = Field(sa_type=UtcDateTime, primary_key=True, description="begin of the block")
    day: date = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    version: int = Field(sa_column=Column(_Id, primary_key=True, autoincrement=False))
    arm: str = Field(primary_key=True)
    phones: int = Field(description="that gave answers")
    answers: int = Field(description="no more of one phone than settings.compared_answers_per_phone_and_day")
    corrected: int
    passed: int = Field(description="phones that installed it and met no failure")
    failed: int = Field(description="phones that met a failure of self-test or loading, or went back by themselves")
    rejected: int = Field(description="phones that got a file which is not this model, or does not pass its self-tests")


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"  # given up, with the last error


class NoticeWay(StrEnum):
    WEBHOOK = "webhook"
    EMAIL = "email"


class Notice(SQLModel, table=True):
    """Something that staff should know at once. It goes out by each way that is set up (NoticeDelivery)."""

    __tablename__ = "notices"
    id: str = Field(default_factory=new_id, primary_key=True)
    subject: str
    text: str
    created_at: datetime = _moment(index=True)
    addressed_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, index=True, description="when its deliveries were made from the settings"
    )


class NoticeDelivery(SQLModel, table=True):
    """The outbox: a row is claimed by moving `available_at` on, sent outside any transaction, then settled."""

    __tablename__ = "notice_deliveries"
    __table_args__ = (Index("ix_notice_deliveries_state_available_at", "state", "available_at"),)
    notice_id: str = Field(foreign_key="notices.id", primary_key=True)
    way: NoticeWay = Field(sa_column=Column(_one_of(NoticeWay), primary_key=True))
    state: NoticeState = Field(default=NoticeState.WAITING, sa_type=_one_of(NoticeState))
    attempts: int = 0
    available_at: datetime = _moment()
    settled_at: datetime | None = _optional_moment()
    error: str | None = None


class GuideCity(SQLModel, table=True):
    """A city with a guide. Locking its row keeps decisions about the guide in order."""

    __tablename__ = "guide_cities"
    city: str = Field(primary_key=True)
    published_number: int | None = Field(default=None, description="the version that phones are given")


class GuideVersion(SQLModel, table=True):
    """A guide as it was after an edit. Its content never changes."""

    __tablename__ = "guide_versions"
    city: str = Field(foreign_key="guide_cities.city", primary_key=True)
    number: int = Field(sa_column=Column(_Id, primary_key=True, autoincrement=False), description="1, 2, 3 ...")
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False), description="mobile_models.guide.Guide")
    made_at: datetime = _moment()
    made_by: str
    reason: str = Field(default="", description="why it was edited")
    came_from: int | None = Field(default=None, description="the older version whose content it brings back")
    published_at: datetime | None = _optional_moment()
    published_by: str | None = None
    publish_reason: str = ""
    reached_at: datetime | None = Field(default=None, sa_type=UtcDateTime, description="phones could get it")


class AuditEvent(SQLModel, table=True):
    """Permanent history: who did what to what, and why. Never changed, never deleted."""

    __tablename__ = "audit_events"
    id: int | None = _serial()
    at: datetime = _moment(index=True)
    actor: str = Field(index=True, description="staff name, 'device', or the worker's task")
    action: str = Field(index=True)
    subject: str = Field(index=True, description="for example release/3")
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class AuditLink(SQLModel, table=True):
    """Chains an event to the one before it (`records.audit_chain`), in the order of their commits. Append-only, too."""

    __tablename__ = "audit_links"
    number: int = Field(sa_column=Column(_Id, primary_key=True, autoincrement=False), description="1, 2, 3 ...")
    event_id: int = Field(sa_column=Column(_Id, ForeignKey("audit_events.id"), nullable=False, unique=True))
    sha256: str = Field(description="of the link before, the number and the whole event")


class JobKind(StrEnum):
    INSPECT = "inspect"  # subject: photo id
    FREEZE = "freeze"  # subject: dataset snapshot id
    RETRAIN = "retrain"  # subject: training run id
    PUBLISH = "publish"  # subject: "updates"; makes the update repository agree with the database
    PATCH = "patch"  # subject: "<from version>-<to version>"
    EXPLAIN = "explain"  # subject: photo id; shows reviewers where the model looked


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(SQLModel, table=True):
    """Work to be done once. The row is the truth; the message that names it is only a doorbell."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index("ix_jobs_state_available_at", "state", "available_at"),
    )
    id: int | None = _serial()
    kind: JobKind = Field(sa_type=_one_of(JobKind))
    subject: str
    state: JobState = Field(default=JobState.QUEUED, sa_type=_one_of(JobState))
    token: int = Field(default=0, description="grows with each claim; only its holder may settle")
    attempts: int = Field(default=0, description="claims that have not ended well")
    requested_again: bool = Field(default=False, description="asked for while it was running: queue it once more")
    lease_until: datetime | None = _optional_moment()
    available_at: datetime = _moment()
    created_at: datetime = _moment()
    error: str | None = None


class Schedule(SQLModel, table=True):
    """Something periodic, claimed by compare-and-set so that any number of schedulers does it once."""

    __tablename__ = "schedules"
    name: str = Field(primary_key=True)
    due_at: datetime = _moment()
