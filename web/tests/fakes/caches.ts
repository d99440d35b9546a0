/** Cache Storage in memory, as far as the app uses it. */
export function fakeCaches(origin: string): Pick<CacheStorage, "keys" | "delete" | "open" | "match"> {
  const all = new Map<string, { readonly responses: Map<string, Response>; readonly cache: Cache }>();
  const address = (asked: RequestInfo | URL) => new URL(asked instanceof Request ? asked.url : asked, origin).href;
  const made = () => {
    const responses = new Map<string, Response>();
    const cache = {
      put: (asked: RequestInfo | URL, response: Response) =>
        Promise.resolve(void responses.set(address(asked), response)),
      keys: () => Promise.resolve([...responses.keys()].map((url) => new Request(url))),
      delete: (asked: RequestInfo | URL) => Promise.resolve(responses.delete(address(asked))),
    };
    return { responses, cache: cache as unknown as Cache };
  };
  return {
    keys: () => Promise.resolve([...all.keys()]),
    delete: (name) => Promise.resolve(all.delete(name)),
    open: (name) => {
      const one = all.get(name) ?? made();
      all.set(name, one);
      return Promise.resolve(one.cache);
    },
    match: (asked, { cacheName } = {}) => {
      const named = cacheName === undefined ? [...all.values()] : [all.get(cacheName)];
      const found = named.map((one) => one?.responses.get(address(asked))).find((response) => response !== undefined);
      return Promise.resolve(found?.clone());
    },
  };
}
