/** Keeps what can be kept: a full disk must not keep the phone from answering, and this is written again next time. */
export async function unlessFull(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error && error.name === "QuotaExceededError")) throw error;
  }
}
