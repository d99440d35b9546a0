type Work = (lock: { readonly name: string }) => unknown;

/** Web Locks for one process: a name is held by one at a time, in the order of asking. Node 20 has none. */
export function fakeLocks(): Pick<LockManager, "request"> {
  const last = new Map<string, Promise<unknown>>();
  const request = (name: string, work: Work) => {
    const turn = (last.get(name) ?? Promise.resolve()).then(() => work({ name }));
    last.set(
      name,
      turn.catch(() => undefined),
    );
    return turn;
  };
  return { request: request as LockManager["request"] };
}
