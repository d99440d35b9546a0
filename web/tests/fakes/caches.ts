/** Cache Storage in memory, as far as the app uses it. */
export function fakeCaches(origin: string): Pick<CacheStorage, "keys" | "delete" | "open" | "match"> {
  const all = new Map<string, Map<string, Response>>();
  const address = (asked: RequestInfo | URL) => new URL(asked instanceof Request ? asked.url : asked, origin).href;
  return {
    keys: () => Promise.resolve([...all.keys()]),
    delete: (name) => Promise.resolve(all.delete(name)),
    open: (name) => {
      const one = all.get(name) ?? new Map<string, Response>();
      all.set(name, one);
      const put = (asked: RequestInfo | URL, response: Response) => {
        one.set(address(asked), response);
        return Promise.resolve();
      };
      const keys = () => Promise.resolve([...one.keys()].map((url) => new Request(url)));
      const remove = (asked: RequestInfo | URL) => Promise.resolve(one.delete(address(asked)));
      return Promise.resolve({ put, keys, delete: remove } as unknown as Cache);
    },
    match: (asked, { cacheName } = {}) => {
      const named = cacheName === undefined ? [...all.values()] : [all.get(cacheName)];
      const found = named.map((one) => one?.get(address(asked))).find((response) => response !== undefined);
      return Promise.resolve(found?.clone());
    },
  };
}
