/** Keeps what can be kept: a full disk must not keep the phone from answering, and this is written again next time. */
export async function unlessFull(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isQuotaExceeded(error)) throw error;
  }
}

export function isQuotaExceeded(error: unknown): boolean {
  return error instanceof Error && error.name === "QuotaExceededError";
}
