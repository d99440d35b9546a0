"""Who may ask for what: every route of the server, the pages and the interface alike.

Add a line for each new route: method, path as the route has it, and who may use it: `ANYBODY` (no sign-in at all),
`DEVICE` (a phone's token), `STAFF` (whoever has signed in), or a `Permission` (backend/permissions.py says which roles
have it). `test_routes_and_roles.py` asks a real server for all of it, as everybody.
"""

from typing import Final

from backend.permissions import Permission

ANYBODY: Final = "anybody"
DEVICE: Final = "device"
STAFF: Final = "staff"
REVIEW, SEE_DATA, CHANGE_DATA = Permission.REVIEW, Permission.SEE_DATA, Permission.CHANGE_DATA
GUIDE, MODELS, PEOPLE, AUDIT = Permission.GUIDE, Permission.MODELS, Permission.STAFF, Permission.AUDIT

ROUTES: dict[tuple[str, str], str | Permission] = {
    # Documentation and files that everybody may read
    ("GET", "/openapi.json"): ANYBODY,
    ("HEAD", "/openapi.json"): ANYBODY,
    ("GET", "/docs"): ANYBODY,
    ("GET", "/docs/oauth2-redirect"): ANYBODY,
    ("GET", "/redoc"): ANYBODY,
    ("MOUNT", "/static-offline-docs"): ANYBODY,
    ("MOUNT", "/console/static"): ANYBODY,
    ("GET", "/updates/{path:path}"): ANYBODY,
    ("HEAD", "/updates/{path:path}"): ANYBODY,
    ("OPTIONS", "/updates/{path:path}"): ANYBODY,
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/readyz"): ANYBODY,
    # Phones
    ("POST", "/v1/devices"): ANYBODY,
    ("POST", "/v1/classify"): DEVICE,
    ("POST", "/v1/field-reports"): DEVICE,
    ("GET", "/v1/submissions"): DEVICE,
    ("GET", "/v1/submissions/{photo_id}"): DEVICE,
    ("PUT", "/v1/submissions/{photo_id}"): DEVICE,
    ("PUT", "/v1/submissions/{photo_id}/correction"): DEVICE,
    ("DELETE", "/v1/submissions/{photo_id}"): DEVICE,
    # Signing in, and one's own account
    ("POST", "/v1/staff/sign-in"): ANYBODY,
    ("POST", "/v1/staff/sign-out"): ANYBODY,  # It ends the session of the token that it is given, if there is one.
    ("GET", "/v1/staff/me"): STAFF,
    ("POST", "/v1/staff/me/password"): STAFF,
    ("GET", "/console/sign-in"): ANYBODY,
    ("POST", "/console/sign-in"): ANYBODY,
    ("GET", "/console/sign-in/second"): ANYBODY,
    ("POST", "/console/sign-in/second"): ANYBODY,
    ("POST", "/console/sign-in/passkey"): ANYBODY,
    ("POST", "/console/sign-in/passkey/challenge"): ANYBODY,
    ("GET", "/console/sign-in/single"): ANYBODY,
    ("GET", "/console/sign-in/single/back"): ANYBODY,
    ("GET", "/console/sign-in/link/{token}"): ANYBODY,
    ("POST", "/console/sign-in/link/{token}"): ANYBODY,
    ("POST", "/console/preferences"): ANYBODY,
    ("POST", "/console/sign-out"): STAFF,
    ("GET", "/console/"): ANYBODY,  # It only leads to /console.
    ("GET", "/console"): STAFF,
    ("GET", "/console/account"): STAFF,
    ("POST", "/console/account/password"): STAFF,
    ("POST", "/console/account/sessions/revoke"): STAFF,
    ("POST", "/console/account/sessions/{handle}/revoke"): STAFF,
    ("POST", "/console/account/token"): STAFF,
    ("GET", "/console/account/second-factor"): STAFF,
    ("POST", "/console/account/second-factor/begin"): STAFF,
    ("POST", "/console/account/second-factor/confirm"): STAFF,
    ("POST", "/console/account/second-factor/backup-codes"): STAFF,
    ("POST", "/console/account/second-factor/remove"): STAFF,
    ("POST", "/console/account/passkeys"): STAFF,
    ("POST", "/console/account/passkeys/challenge"): STAFF,
    ("POST", "/console/account/passkeys/{passkey_id}/remove"): STAFF,
    # People and the permanent history
    ("GET", "/v1/staff"): PEOPLE,
    ("POST", "/v1/staff"): PEOPLE,
    ("POST", "/v1/staff/{staff_id}/disable"): PEOPLE,
    ("GET", "/console/people"): PEOPLE,
    ("POST", "/console/people"): PEOPLE,
    ("GET", "/console/people/{staff_id}"): PEOPLE,
    ("POST", "/console/people/{staff_id}/change"): PEOPLE,
    ("POST", "/console/people/{staff_id}/password-link"): PEOPLE,
    ("POST", "/console/people/{staff_id}/reset-factors"): PEOPLE,
    ("POST", "/console/people/{staff_id}/revoke-sessions"): PEOPLE,
    ("POST", "/console/people/{staff_id}/disable"): PEOPLE,
    ("POST", "/console/people/{staff_id}/enable"): PEOPLE,
    ("GET", "/console/audit"): AUDIT,
    ("GET", "/console/audit/chain"): AUDIT,
    ("POST", "/console/audit/export"): AUDIT,
    # Review
    ("GET", "/v1/review/queue"): REVIEW,
    ("POST", "/v1/review/claims"): REVIEW,
    ("GET", "/v1/review/photos/{photo_id}"): REVIEW,
    ("POST", "/v1/review/photos/{photo_id}/claim"): REVIEW,
    ("DELETE", "/v1/review/photos/{photo_id}/claim"): REVIEW,
    ("POST", "/v1/review/photos/{photo_id}/verdict"): REVIEW,
    # Models
    ("GET", "/v1/dataset-snapshots"): MODELS,
    ("POST", "/v1/dataset-snapshots"): MODELS,
    ("GET", "/v1/dataset-snapshots/{snapshot_id}"): MODELS,
    ("GET", "/v1/training-runs"): MODELS,
    ("POST", "/v1/training-runs"): MODELS,
    ("GET", "/v1/training-runs/recipes"): MODELS,
    ("GET", "/v1/training-runs/{run_id}"): MODELS,
    ("POST", "/v1/training-runs/{run_id}/cancel"): MODELS,
    ("GET", "/v1/training-runs/{run_id}/report"): MODELS,
    ("GET", "/v1/training-runs/{run_id}/report/{file:path}"): MODELS,
    ("GET", "/v1/releases"): MODELS,
    ("GET", "/v1/releases/{version}"): MODELS,
    ("GET", "/v1/releases/{version}/field"): MODELS,
    ("GET", "/v1/releases/{version}/staged"): MODELS,
    ("POST", "/v1/releases/{version}/approve"): MODELS,
    ("POST", "/v1/releases/{version}/widen"): MODELS,
    ("POST", "/v1/releases/{version}/pause"): MODELS,
    ("POST", "/v1/releases/{version}/halt"): MODELS,
    ("POST", "/v1/releases/{version}/resume"): MODELS,
    ("POST", "/v1/releases/{version}/withdraw"): MODELS,
    ("POST", "/v1/releases/{version}/signatures"): MODELS,
    ("GET", "/v1/rollouts"): MODELS,
    ("POST", "/v1/rollouts"): MODELS,
    ("GET", "/v1/rollouts/{rollout_id}"): MODELS,
    ("POST", "/v1/rollouts/{rollout_id}/pause"): MODELS,
    ("POST", "/v1/rollouts/{rollout_id}/resume"): MODELS,
    ("POST", "/v1/rollouts/{rollout_id}/widen"): MODELS,
    ("POST", "/v1/rollouts/{rollout_id}/halt"): MODELS,
    ("GET", "/v1/channels"): MODELS,
    ("GET", "/v1/channels/{name}"): MODELS,
    ("GET", "/v1/channels/{name}/periods"): MODELS,
    ("POST", "/v1/channels/{name}/go-back"): MODELS,
    ("POST", "/v1/channels/{name}/return-to-bundled"): MODELS,
    ("POST", "/v1/channels/{name}/end-return-to-bundled"): MODELS,
    ("GET", "/v1/history"): MODELS,
    ("GET", "/v1/history/export.csv"): MODELS,
    ("GET", "/v1/history/export.jsonl"): MODELS,
}
