import { change, read } from "../storage/database.ts";
import type { Registration } from "../storage/tables.ts";
import { register } from "./client.ts";

const LOCK = "registration";

/**
 * This phone's registration, made at the first call and kept; however many tabs ask, one is made. Rejects with
 * `ServerUnreachable` or `ServerRefused` if there is none yet and none can be had.
 */
export async function registration(): Promise<Registration> {
  return (await read("registration")) ?? (await registerInsteadOf(undefined));
}

/**
 * A registration that is not `forgotten`, of which the server knows nothing any more: a server that has forgotten this
 * phone has forgotten all that it sent, and the phone begins again under a new name.
 */
export async function registerInsteadOf(forgotten: Registration | undefined): Promise<Registration> {
  return await navigator.locks.request(LOCK, async () => {
    const kept = await read("registration");
    if (kept !== undefined && kept.token !== forgotten?.token) return kept; // Another tab was quicker.
    const made = await register();
    return change("registration", () => made);
  });
}
