import { describe, expect, test, vi } from "vitest";

vi.stubGlobal("location", { pathname: "/app/" });
const router = await import("./router.ts");

describe("routeOf", () => {
  test.each([
    ["/app/", { screen: "camera" }],
    ["/app/search", { screen: "search" }],
    ["/app/search/", { screen: "search" }],
    ["/app/search/glass", { screen: "bin", id: "glass" }],
    ["/app/answer/4b1d", { screen: "answer", id: "4b1d" }],
    ["/app/answer/4b1d/share", { screen: "share", id: "4b1d" }],
    ["/app/mine/4b1d", { screen: "photo", id: "4b1d" }],
    ["/app/settings/privacy", { screen: "privacy" }],
  ])("%s", (address, route) => {
    expect(router.routeOf(address)).toEqual(route);
  });

  test.each(["/app/nowhere", "/app/answer", "/app/answer//share", "/app/mine/a/b"])("%s shows no screen", (address) => {
    expect(router.routeOf(address)).toEqual({ screen: "missing" });
  });

  test("an id may hold any letters, and a broken one breaks nothing", () => {
    expect(router.routeOf(router.addressOf("bin", "a/b ü"))).toEqual({ screen: "bin", id: "a/b ü" });
    expect(router.routeOf("/app/search/%E0")).toEqual({ screen: "bin", id: "%E0" });
  });
});
