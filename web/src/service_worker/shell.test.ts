import { createHash } from "node:crypto";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { fakeCaches } from "../../tests/fakes/caches.ts";
import { Shell } from "./shell.ts";

const ORIGIN = "https://city.example";

/** What the server has below /app/. */
let served: Record<string, string>;
/** What the browser's own cache has of it, and takes to be what the server has. */
let browserKeeps: Record<string, string>;
let fetched: string[];

beforeEach(() => {
  served = { "index.html": "page 1", "assets/app-1.js": "script 1", "assets/look-1.css": "look" };
  browserKeeps = {};
  fetched = [];
  vi.stubGlobal("caches", fakeCaches(ORIGIN));
  vi.stubGlobal("location", { origin: ORIGIN });
  vi.stubGlobal("fetch", (asked: string | Request, { cache }: RequestInit = {}) => {
    const { pathname } = new URL(typeof asked === "string" ? asked : asked.url, ORIGIN);
    fetched.push(pathname);
    const file = pathname.slice("/app/".length);
    const content = (cache === "reload" ? undefined : browserKeeps[file]) ?? served[file];
    return Promise.resolve(content === undefined ? new Response("", { status: 404 }) : new Response(content));
  });
});

/** The version of the app that is served now, as its build has listed it. */
function built(files = served): Shell {
  const digest = (content: string) => createHash("sha256").update(content).digest("hex").slice(0, 16);
  const all = Object.entries(files).map(([name, content]) => [name, digest(content)] as const);
  const isRuntime = ([name]: readonly [string, string]) => name.startsWith("assets/litert_");
  return new Shell(
    Object.fromEntries(all.filter((each) => !isRuntime(each))),
    Object.fromEntries(all.filter(isRuntime)),
  );
}

async function answered(shell: Shell, path: string, mode = "no-cors"): Promise<string | null> {
  const answer = shell.answer({ method: "GET", url: `${ORIGIN}${path}`, mode } as Request);
  return answer && (await answer).text();
}

async function installed(shell: Shell): Promise<Shell> {
  await shell.fill();
  await shell.removeOthers();
  fetched = [];
  return shell;
}

function update(): void {
  served = { "index.html": "page 2", "assets/app-2.js": "script 2", "assets/look-1.css": "look" };
}

describe("without a network", () => {
  test("every screen opens, and every file of the app is there", async () => {
    const shell = await installed(built());
    served = {};
    for (const path of ["/app/", "/app/mine", "/app/mine/6d1c"]) {
      expect(await answered(shell, path, "navigate")).toBe("page 1");
    }
    expect(await answered(shell, "/app/assets/app-1.js")).toBe("script 1");
    expect(fetched).toEqual([]);
  });

  test("what the browser has cleared is fetched again", async () => {
    const shell = await installed(built());
    vi.stubGlobal("caches", fakeCaches(ORIGIN));
    expect(await answered(shell, "/app/assets/app-1.js")).toBe("script 1");
    expect(fetched).toEqual(["/app/assets/app-1.js"]);
  });
});

test.each([
  ["/app/installation.json", "no-cors"],
  ["/app/bundled/model.tflite", "no-cors"],
  ["/app/trusted/root.json", "navigate"],
  ["/v1/submissions", "cors"],
  ["/", "navigate"],
])("%s is none of its business", async (path, mode) => {
  expect(await answered(await installed(built()), path, mode)).toBeNull();
});

describe("a newer version", () => {
  test("fetches only what has changed, and removes the one before when it takes over", async () => {
    await installed(built());
    update();
    const newer = built();
    await newer.fill();
    expect(fetched).toEqual(["/app/index.html", "/app/assets/app-2.js"]);
    await newer.removeOthers();
    expect(await answered(newer, "/app/", "navigate")).toBe("page 2");
    expect((await caches.keys()).filter((name) => name.startsWith("shell-"))).toHaveLength(1);
  });

  test("leaves the one before as it is until it takes over", async () => {
    const older = await installed(built());
    update();
    await built().fill();
    expect(await answered(older, "/app/", "navigate")).toBe("page 1");
    expect(await answered(older, "/app/assets/app-1.js")).toBe("script 1");
  });

  test("fetches again what was damaged in the one before", async () => {
    await installed(built());
    const [before = ""] = await caches.keys();
    await (await caches.open(before)).put("/app/assets/look-1.css", new Response("lo"));
    update();
    const newer = await installed(built());
    expect(await answered(newer, "/app/assets/look-1.css")).toBe("look");
  });

  test("fetches again what was damaged in the browser's own cache", async () => {
    update();
    browserKeeps = { "index.html": "pa", "assets/app-2.js": "scr" };
    const newer = await installed(built());
    expect(await answered(newer, "/app/", "navigate")).toBe("page 2");
    expect(await answered(newer, "/app/assets/app-2.js")).toBe("script 2");
  });

  test.each([
    ["was exchanged while it was fetched", { "index.html": "page 3" }],
    ["is not there any more", { "assets/app-2.js": undefined }],
  ])("of which a file %s is not used at all", async (_, change) => {
    const older = await installed(built());
    update();
    const newer = built({ ...served });
    Object.assign(served, change);
    for (const [name, content] of Object.entries(change))
      if (content === undefined) Reflect.deleteProperty(served, name);
    await expect(newer.fill()).rejects.toThrow("is not what was built");
    expect(await answered(older, "/app/", "navigate")).toBe("page 1");
    expect((await caches.keys()).filter((name) => name.startsWith("shell-"))).toHaveLength(1);
  });
});

describe("the runtime of the model", () => {
  const [ONE, OTHER] = ["assets/litert_threads-AAAAAAAA.wasm", "assets/litert_compat-AAAAAAAA.wasm"];
  const [NEXT, NEXT_OTHER] = ["assets/litert_threads-BB-B_BBB.wasm", "assets/litert_compat-BB-B_BBB.wasm"];

  /** The phone's worker keeps one build. */
  async function kept(): Promise<Shell> {
    const shell = await installed(built({ ...served, [ONE]: "runtime 1", [OTHER]: "other 1" }));
    expect(await (await caches.open("model-runtime")).keys()).toEqual([]);
    await (await caches.open("model-runtime")).put(`/app/${ONE}`, new Response("runtime 1"));
    return shell;
  }

  test("comes from where the phone keeps it", async () => {
    expect(await answered(await kept(), `/app/${ONE}`)).toBe("runtime 1");
  });

  test("stays as it is with a newer version of the app that has the same", async () => {
    await kept();
    const put = vi.spyOn(await caches.open("model-runtime"), "put");
    update();
    await built({ ...served, [ONE]: "runtime 1", [OTHER]: "other 1" }).fill();
    expect(put).not.toHaveBeenCalled();
  });

  test("is there with a newer version of the app, in the build that this browser uses", async () => {
    const older = await kept();
    update();
    Object.assign(served, { [NEXT]: "runtime 2", [NEXT_OTHER]: "other 2" });
    const newer = built();
    await newer.fill();
    expect(fetched).not.toContain(`/app/${NEXT_OTHER}`);
    expect(await answered(older, `/app/${ONE}`)).toBe("runtime 1");
    await newer.removeOthers();
    served = {};
    expect(await answered(newer, `/app/${NEXT}`)).toBe("runtime 2");
    expect((await (await caches.open("model-runtime")).keys()).map(({ url }) => url)).toEqual([
      `${ORIGIN}/app/${NEXT}`,
    ]);
  });
});
