import { createHash, randomUUID } from "node:crypto";

interface Received {
  readonly device: string;
  readonly fingerprint: string;
  readonly submission: Record<string, unknown>;
  readonly receivedAt: string;
  correction: { label: string; reason: string | null } | null;
  consent: { allow_review: boolean; allow_training: boolean };
  isWithdrawn: boolean;
  accepted: boolean | null;
  releases: number[];
}

/** What is wrong with one answer: it never came, it came and was lost, or it is something else. */
type Trouble = "no_connection" | "answer_lost" | (() => Response);

/** The city's server as phones meet it: `fetch` stands for the network between. It keeps the promises of the API. */
export class City {
  readonly submissions = new Map<string, Received>();
  readonly reports = new Map<string, unknown>();
  readonly devices = new Map<string, string>();
  /** Method and path of all that arrived, in order. */
  readonly asked: string[] = [];
  /** Most requests that were under way at once. */
  busiest = 0;
  private readonly troubles: [pattern: RegExp, trouble: Trouble][] = [];
  private busy = 0;
  private moment = Date.parse("2027-03-10T12:00:00Z");

  /** The next request that `pattern` matches (`METHOD /path`) meets this trouble; each trouble is met once. */
  trouble(pattern: RegExp, trouble: Trouble): void {
    this.troubles.push([pattern, trouble]);
  }

  /** Knows this phone, as one that has registered. */
  know(deviceId: string, token: string): void {
    this.devices.set(`Bearer ${token}`, deviceId);
  }

  /** Forgets a phone, as a server does that was set up anew. */
  forgetAll(): void {
    this.devices.clear();
    this.submissions.clear();
  }

  readonly fetch = async (input: Request | string | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const name = `${request.method} ${new URL(request.url).pathname}`;
    const place = this.troubles.findIndex(([pattern]) => pattern.test(name));
    const trouble = place < 0 ? undefined : this.troubles.splice(place, 1)[0]?.[1];
    if (trouble === "no_connection") throw new TypeError("Failed to fetch");
    this.asked.push(name);
    this.busy += 1;
    this.busiest = Math.max(this.busiest, this.busy);
    try {
      if (typeof trouble === "function") return trouble();
      const answer = await this.answer(request);
      if (trouble === "answer_lost") throw new TypeError("Failed to fetch");
      return answer;
    } finally {
      this.busy -= 1;
    }
  };

  private async answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "POST" && pathname === "/v1/devices") return this.register();
    const device = this.devices.get(request.headers.get("Authorization") ?? "");
    if (device === undefined) return problem(401, "not_signed_in");
    const [, , kind, id, part] = pathname.split("/");
    if (kind === "field-reports") return this.report((await request.json()) as { report_id: string });
    if (kind === "devices") return id === "me" && part === "export" ? json({ device }) : this.forget(device);
    if (id === undefined) return this.list(device, searchParams);
    if (request.method === "PUT" && part === undefined) return this.submit(device, id, await request.formData());
    const found = this.submissions.get(id);
    if (found?.device !== device) return problem(404, "not_found");
    if (request.method === "DELETE") found.isWithdrawn = true;
    if (part === "photo") return new Response("photo", { headers: { "Content-Type": "image/jpeg" } });
    if (part === "correction") found.correction = (await request.json()) as Received["correction"];
    if (part === "consent") found.consent = (await request.json()) as Received["consent"];
    return json(this.told(id, found));
  }

  private register(): Response {
    const [device, token] = [randomUUID(), randomUUID()];
    this.devices.set(`Bearer ${token}`, device);
    return json({ device_id: device, token }, 201);
  }

  private forget(device: string): Response {
    const own = [...this.submissions.values()].filter((each) => each.device === device);
    for (const each of own) each.isWithdrawn = true;
    for (const [token, name] of this.devices) if (name === device) this.devices.delete(token);
    return json({ withdrawn: own.length });
  }

  private report(report: { report_id: string }): Response {
    const isNew = !this.reports.has(report.report_id);
    this.reports.set(report.report_id, report);
    return json({ counted: isNew ? 1 : 0 }, isNew ? 201 : 200);
  }

  private list(device: string, query: URLSearchParams): Response {
    const before = query.get("before");
    const own = [...this.submissions].filter(([, each]) => each.device === device);
    const older = own.filter(([, { receivedAt }]) => before === null || receivedAt < before).reverse();
    return json({ submissions: older.slice(0, Number(query.get("limit"))).map(([id, each]) => this.told(id, each)) });
  }

  private async submit(device: string, id: string, form: FormData): Promise<Response> {
    const [photo, text] = [form.get("photo"), form.get("submission")];
    if (!(photo instanceof Blob) || typeof text !== "string") return problem(400, "no_photo");
    const content = await photo.text();
    if (content === "no photo") return problem(422, "unreadable");
    const fingerprint = createHash("sha256").update(`${content}\n${text}`).digest("hex");
    const before = this.submissions.get(id);
    if (before !== undefined) {
      return before.fingerprint === fingerprint ? json(this.told(id, before)) : problem(409, "id_taken");
    }
    const submission = JSON.parse(text) as Record<string, unknown>;
    const made: Received = {
      device,
      fingerprint,
      submission,
      receivedAt: new Date((this.moment += 1000)).toISOString(),
      correction: null,
      consent: {
        allow_review: submission["allow_review"] === true,
        allow_training: submission["allow_training"] === true,
      },
      isWithdrawn: false,
      accepted: null,
      releases: [],
    };
    this.submissions.set(id, made);
    return json(this.told(id, made), 201);
  }

  private told(id: string, { receivedAt, correction, consent, isWithdrawn, accepted, releases }: Received): object {
    return {
      id,
      state: isWithdrawn ? "withdrawn" : "received",
      received_at: receivedAt,
      ...consent,
      correction: correction?.label ?? null,
      correction_reason: correction?.reason ?? null,
      gold_label: null,
      accepted,
      quarantine_reason: null,
      in_releases: releases,
    };
  }
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return json({ type: `urn:wastelens:problem:${code}`, title: code, status, detail: code, code }, status, headers);
}

function json(content: object, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(content), { status, headers: { "Content-Type": "application/json", ...headers } });
}
