import { forgetEnded, leftTabs, noteLeaving } from "./leaving.ts";
import { lifeLock } from "./load_watch.ts";
import type { Calls, Method, Reply, Request, Start } from "./messages.ts";
import { type Answer, type Phone, PhoneError, type PhoneEvent, type RunningModel } from "./phone.ts";
import { redrawn } from "./redrawn.ts";

/**
 * The phone of this page, in a worker of its own; a page needs one.
 *
 * Guarantees: every call ends. Where the worker dies, whatever of, all that wait are rejected with `phone_stopped`, and
 * the next call starts another worker.
 */
export function connect(): Phone {
  const listeners = new Set<(event: PhoneEvent) => void>();
  const worker = new RemoteWorker((event) => {
    for (const listener of listeners) listener(event);
  });
  return {
    open: () => worker.open(),
    classify: (photo) => classify(worker, photo),
    update: (surroundings) => worker.call("update", surroundings),
    guide: () => worker.call("guide"),
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

async function classify(worker: RemoteWorker, photo: Blob): Promise<Answer> {
  try {
    const answer = await worker.call("classify", photo);
    void askToBeKept();
    return answer;
  } catch (error) {
    if (!(error instanceof PhoneError) || error.code !== "no_photo") throw error;
    const again = await redrawn(photo);
    if (again === null) throw error;
    return worker.call("classify", again);
  }
}

/** Once the app has shown what it is good for: some browsers ask the resident in turn. */
async function askToBeKept(): Promise<void> {
  if (!(await navigator.storage.persisted())) await navigator.storage.persist();
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: PhoneError): void;
}

class RemoteWorker {
  private readonly onEvent: (event: PhoneEvent) => void;
  private readonly waiting = new Map<number, Waiting>();
  private worker: Worker | null = null;
  private calls = 0;
  /** The tabs that were left when the worker began. */
  private left: readonly string[] = [];

  constructor(onEvent: (event: PhoneEvent) => void) {
    this.onEvent = onEvent;
  }

  async open(): Promise<RunningModel> {
    const running = await this.call("open");
    await forgetEnded(this.left); // The worker has taken account of them.
    return running;
  }

  call<M extends Method>(method: M, ...values: Parameters<Calls[M]>): ReturnType<Calls[M]> {
    const request: Request<M> = { id: this.calls++, method, arguments: values };
    const result = new Promise((resolve, reject: (error: PhoneError) => void) => {
      this.waiting.set(request.id, { resolve, reject });
    });
    this.worker ??= this.start();
    this.worker.postMessage(request);
    return result as ReturnType<Calls[M]>;
  }

  private start(): Worker {
    const tab = crypto.randomUUID();
    this.left = leftTabs();
    const worker = new Worker(new URL("./phone.worker.ts", import.meta.url), { name: tab });
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      this.receive(worker, tab, data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.stop(worker, event.message || "the worker cannot be loaded");
    };
    worker.postMessage({ left: this.left } satisfies Start);
    noteLeaving(tab);
    return worker;
  }

  private receive(worker: Worker, tab: string, reply: Reply): void {
    if (reply.kind === "event") this.onEvent(reply.event);
    else if (reply.kind === "living") void this.awaitEnd(worker, tab);
    else if (reply.kind === "result") this.take(reply.id)?.resolve(reply.result);
    else if (reply.code === "phone_stopped") this.stop(worker, reply.message);
    else this.take(reply.id)?.reject(new PhoneError(reply.code, reply.message));
  }

  /** A worker that dies without a word lets go of its lock. */
  private async awaitEnd(worker: Worker, tab: string): Promise<void> {
    await navigator.locks.request(lifeLock(tab), () => undefined);
    this.stop(worker, "the worker ended");
  }

  private take(id: number): Waiting | undefined {
    const found = this.waiting.get(id);
    this.waiting.delete(id);
    return found;
  }

  private stop(worker: Worker, why: string): void {
    worker.terminate();
    if (this.worker !== worker) return;
    this.worker = null;
    for (const id of [...this.waiting.keys()]) this.take(id)?.reject(new PhoneError("phone_stopped", why));
  }
}
