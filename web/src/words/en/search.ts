export const search = {
  "search.title": "Which bin for…",
  "search.placeholder": "Battery, pizza box",
  "search.clear": "Clear",
  "search.found": { one: "{n} thing found", other: "{n} things found" },
  "search.nothing": "Nothing found for “{words}”",
  "search.nothing.why": "Try a shorter or another word, or take a photo.",
  "search.bins": "The bins",
  "search.bins.why": "What goes where in {city}.",
  "search.in_bin": { one: "{n} thing", other: "{n} things" },
  "search.no_guide": "The guide is not on this phone yet",
  "search.no_guide.why": "It is loaded as soon as there is a network.",
  "search.no_such_bin": "This bin is not in the guide any more.",
} as const;
