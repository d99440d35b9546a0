import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "../../build/openapi.d.ts";
import type { Correction, Fate, Registration } from "../storage/tables.ts";
import { outcome } from "./outcomes.ts";
import { has } from "./reading.ts";

type Submissions = paths["/v1/submissions/{photo_id}"]["put"];
type Reports = paths["/v1/field-reports"]["post"];

export type Submission = Submissions["requestBody"]["content"]["multipart/form-data"]["submission"];
export type FieldReport = Reports["requestBody"]["content"]["application/json"];
export type Consent = components["schemas"]["ConsentBody"];

/** Most that one page of a list holds. */
const PAGE = 200;
const TIMEOUT_MILLISECONDS = 30_000;
/** For half a megabyte over a slow connection. */
const UPLOAD_TIMEOUT_MILLISECONDS = 180_000;

/**
 * The server as this phone sees it. Every function gives what the server said, or rejects with `ServerRefused` (asking
 * again the same way will not help) or `ServerUnreachable` (it may help later). Every call may be repeated: none has a
 * second effect.
 */
export interface Server {
  /** `submission` is the JSON of a `Submission`. The same again is answered alike; something else is refused. */
  submit(id: string, photo: Blob, submission: string): Promise<Fate>;
  correct(id: string, correction: Correction): Promise<Fate>;
  changeConsent(id: string, consent: Consent): Promise<Fate>;
  withdraw(id: string): Promise<Fate>;
  /** What became of all that this phone has sent, by id; newest first. */
  fates(): Promise<ReadonlyMap<string, Fate>>;
  photo(id: string): Promise<Blob>;
  /** All that the server holds about this phone, as it says it. */
  everything(): Promise<object>;
  /** Withdraws all that this phone has sent, and forgets the phone. */
  forgetMe(): Promise<void>;
  /** The same report counts once. */
  report(report: FieldReport): Promise<void>;
}

/** The server that this app came from, for a phone that it knows. */
export function server({ token }: Registration): Server {
  const api = client(token);
  const path = (id: string) => ({ params: { path: { photo_id: id } }, ...within(TIMEOUT_MILLISECONDS) });
  return {
    submit: (id, photo, submission) =>
      outcome(
        api.PUT("/v1/submissions/{photo_id}", {
          ...path(id),
          ...within(UPLOAD_TIMEOUT_MILLISECONDS),
          body: { photo: "", submission: {} },
          bodySerializer: () => multipart(photo, submission),
        }),
        fateOf,
      ),
    correct: (id, body) => outcome(api.PUT("/v1/submissions/{photo_id}/correction", { ...path(id), body }), fateOf),
    changeConsent: (id, body) => outcome(api.PUT("/v1/submissions/{photo_id}/consent", { ...path(id), body }), fateOf),
    withdraw: (id) => outcome(api.DELETE("/v1/submissions/{photo_id}", path(id)), fateOf),
    fates: () => allFates(api),
    photo: (id) =>
      outcome(api.GET("/v1/submissions/{photo_id}/photo", { ...path(id), parseAs: "blob" }), (data) =>
        data instanceof Blob && data.type.startsWith("image/") ? data : null,
      ),
    everything: () =>
      outcome(api.GET("/v1/devices/me/export", within(UPLOAD_TIMEOUT_MILLISECONDS)), (data) =>
        typeof data === "object" ? data : null,
      ),
    forgetMe: async () => {
      await outcome(api.DELETE("/v1/devices/me", within(UPLOAD_TIMEOUT_MILLISECONDS)), (data) =>
        has(data, { withdrawn: "number" }) ? data : null,
      );
    },
    report: async (body) => {
      await outcome(api.POST("/v1/field-reports", { ...within(TIMEOUT_MILLISECONDS), body }), (data) =>
        has(data, { counted: "number" }) ? data : null,
      );
    },
  };
}

/** Registers this phone anew. Rejects like the calls of `Server`. */
export function register(): Promise<Registration> {
  return outcome(client(null).POST("/v1/devices", within(TIMEOUT_MILLISECONDS)), (data) =>
    has(data, { device_id: "string", token: "string" }) ? { deviceId: data.device_id, token: data.token } : null,
  );
}

function client(token: string | null): Client<paths> {
  return createClient<paths>({
    baseUrl: location.origin,
    headers: token === null ? {} : { Authorization: `Bearer ${token}` },
    cache: "no-store",
    credentials: "omit",
    redirect: "error", // This server redirects nobody; whoever does is in between.
  });
}

function within(milliseconds: number): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(milliseconds) };
}

function multipart(photo: Blob, submission: string): FormData {
  const form = new FormData();
  form.append("photo", photo, "photo");
  form.append("submission", submission);
  return form;
}

async function allFates(api: Client<paths>): Promise<ReadonlyMap<string, Fate>> {
  const found = new Map<string, Fate>();
  for (let before: string | null = null; ;) {
    const query: { limit: number; before?: string } = { limit: PAGE, ...(before === null ? {} : { before }) };
    const page = await outcome(
      api.GET("/v1/submissions", { params: { query }, ...within(TIMEOUT_MILLISECONDS) }),
      submissionsOf,
    );
    for (const each of page) found.set(each.id, each.fate);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return found;
    before = last.fate.receivedAt;
  }
}

function submissionsOf(data: unknown): readonly { readonly id: string; readonly fate: Fate }[] | null {
  if (typeof data !== "object" || data === null || !("submissions" in data)) return null;
  if (!Array.isArray(data.submissions)) return null;
  const read = data.submissions.map((each: unknown) => {
    const fate = fateOf(each);
    return fate !== null && has(each, { id: "string" }) ? { id: each.id, fate } : null;
  });
  return read.every((each) => each !== null) ? read : null;
}

const STATES: readonly string[] = ["received", "inspected", "quarantined", "withdrawn", "hidden"];

function fateOf(data: unknown): Fate | null {
  const isAnswer = has(data, {
    state: "string",
    received_at: "string",
    gold_label: "string?",
    quarantine_reason: "string?",
    in_releases: "numbers",
    accepted: "boolean?",
  });
  if (!isAnswer || !STATES.includes(data.state)) return null;
  return {
    state: data.state as Fate["state"],
    receivedAt: data.received_at,
    goldLabel: data.gold_label,
    quarantineReason: data.quarantine_reason,
    inReleases: data.in_releases,
    isAccepted: data.accepted,
  };
}
