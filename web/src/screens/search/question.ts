import { signal } from "@preact/signals";

/** What is asked for. It stays while one looks at a bin and comes back. */
export const question = signal("");
