export const privacy = {
  "privacy.title": "Your data",
  "privacy.here": "On this phone",
  "privacy.here.photos": { one: "{n} photo", other: "{n} photos" },
  "privacy.here.photos.why": "With what the phone said and what you said.",
  "privacy.here.rest": "The model, the city's guide and your settings",
  "privacy.sent": "At the city",
  "privacy.sent.none": "You have sent no photo.",
  "privacy.sent.photos": { one: "{n} photo that you sent", other: "{n} photos that you sent" },
  "privacy.sent.waiting": { one: "{n} more waits to be sent.", other: "{n} more wait to be sent." },
  "privacy.sent.number": "The city knows this phone by a random number: no name, no e-mail address, no phone number.",
  "privacy.sent.counts":
    "Once a day the phone tells counts: how many answers, how fast, how often they were called right or wrong, and which model and kind of phone. No photo, no place, no name.",
  "privacy.export": "Take my data along",
  "privacy.export.why":
    "One file with your photos, answers and corrections; with a network, also with what the city holds about them.",
  "privacy.export.busy": "Putting it together",
  "privacy.export.save": "Save the file ({size})",
  "privacy.export.failed": "The file could not be made: this phone has no room for it.",
  "privacy.withdraw": "Withdraw all photos",
  "privacy.withdraw.why": "The city deletes every photo that you sent.",
  "privacy.withdraw.title": "Withdraw all photos?",
  "privacy.withdraw.sure": {
    one: "{n} photo is deleted at the city and on this phone. No later model is made with it. This cannot be undone.",
    other:
      "{n} photos are deleted at the city and on this phone. No later model is made with them. This cannot be undone.",
  },
  "privacy.withdraw.confirm": "Withdraw all",
  "privacy.withdraw.done": "All photos are withdrawn.",
  "privacy.told_later": "The city is told as soon as there is a network.",
  "privacy.forget": "Forget this phone",
  "privacy.forget.why": "Withdraws everything, and begins anew as if the app had never been here.",
  "privacy.forget.title": "Forget this phone?",
  "privacy.forget.sure":
    "All photos are withdrawn at the city, and the number of this phone is deleted there. Photos and settings are deleted here. This cannot be undone.",
  "privacy.forget.confirm": "Forget everything",
  "privacy.forget.done": "This phone is forgotten.",
} as const;
