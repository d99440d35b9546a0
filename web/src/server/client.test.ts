import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { City, problem } from "../../tests/fakes/city.ts";
import { register, server } from "./client.ts";
import { ServerRefused, ServerUnreachable } from "./outcomes.ts";

const PHONE = { deviceId: "phone-1", token: "secret" };
const ID = "6d1c1a5e-6f0e-4b3e-9d5b-0a8f3c2d1e00";

let city: City;

beforeEach(() => {
  city = new City();
  city.know(PHONE.deviceId, PHONE.token);
  vi.stubGlobal("location", { origin: "https://city.example" });
  vi.stubGlobal("fetch", city.fetch);
});

afterEach(() => vi.unstubAllGlobals());

const submit = (id = ID) => server(PHONE).submit(id, new Blob(["photo"]), "{}");

describe("an answer", () => {
  test("says what became of a photo", async () => {
    expect(await submit()).toMatchObject({ state: "received", isAccepted: null, inReleases: [] });
    expect(await server(PHONE).withdraw(ID)).toMatchObject({ state: "withdrawn" });
  });

  test("of problem and code is a refusal", async () => {
    city.trouble(/PUT/, () => problem(422, "unreadable"));
    await expect(submit()).rejects.toMatchObject({ status: 422, code: "unreadable", isForgotten: false });
    await expect(server({ ...PHONE, token: "other" }).withdraw(ID)).rejects.toMatchObject({ isForgotten: true });
  });

  test("of a proxy that the photo is too large is a refusal as well: asking again does not help", async () => {
    city.trouble(/PUT/, () => new Response("<html>", { status: 413 }));
    await expect(submit()).rejects.toBeInstanceOf(ServerRefused);
  });

  test.each([408, 425, 429, 500, 502, 503])("%i may be another one later", async (status) => {
    city.trouble(/PUT/, () => problem(status, "later", { "Retry-After": "7" }));
    await expect(submit()).rejects.toMatchObject({ name: "ServerUnreachable", status, retryAfterSeconds: 7 });
  });

  test.each([
    ["a page", () => new Response("<html>Welcome to the hotel", { headers: { "Content-Type": "text/html" } })],
    ["nothing", () => new Response(null, { status: 204 })],
    ["another document", () => new Response('{"ok": true}')],
    ["a document of half the members", () => new Response('{"id": "x", "state": "received"}')],
    ["a state that nobody knows", () => new Response('{"state": "lost"}')],
    ["'not found' without a problem", () => new Response("<html>404", { status: 404 })],
  ])("that is %s is none of this server's", async (_, answer) => {
    for (const ask of [submit, () => server(PHONE).withdraw(ID), () => register()]) {
      city.trouble(/./, answer);
      await expect(ask()).rejects.toMatchObject({ name: "ServerUnreachable", status: null });
    }
    city.trouble(/./, answer);
    await expect(server(PHONE).forgetMe()).rejects.toBeInstanceOf(ServerUnreachable);
  });
});

test("the list is read in pages, however much there is", async () => {
  for (let place = 0; place < 205; place++) await submit(`${ID.slice(0, -3)}${String(place).padStart(3, "0")}`);
  expect((await server(PHONE).fates()).size).toBe(205);
  expect(city.asked.filter((each) => each === "GET /v1/submissions")).toHaveLength(2);
});
