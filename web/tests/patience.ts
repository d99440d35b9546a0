/** For `vi.waitFor`, whose own second is not enough on a busy machine. */
export const PATIENT = { timeout: 30_000 };
