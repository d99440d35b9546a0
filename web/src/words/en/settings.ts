export const settings = {
  "settings.title": "Settings",
  "settings.look": "Language and look",
  "settings.language": "Language",
  "settings.theme": "Brightness",
  "settings.theme.system": "Automatic",
  "settings.theme.light": "Light",
  "settings.theme.dark": "Dark",
  "settings.text": "The size of the text follows your phone or browser.",

  "settings.network": "Network",
  "settings.send_wifi": "Send photos over Wi-Fi only",
  "settings.update_wifi": "Load new models over Wi-Fi only",
  "settings.wifi_unknown":
    "This browser does not say whether it is on Wi-Fi. What waits for Wi-Fi then waits until you ask for it: with “Send now” under “My photos”, and “Look for an update” under “Model and updates”.",

  "settings.sharing": "Photos for the city",
  "settings.sharing.why": "What a photo begins with. Before each one is sent you see this, and can choose otherwise.",
  "settings.sends": "Offer to send photos",
  "settings.sends.why": "Off: everything stays on this phone.",
  "settings.place": "How exact a place goes along",
  "settings.place.why": "The phone rounds the place before it is kept.",

  "settings.install": "Install the app",
  "settings.install.why": "It opens from the home screen, in a window of its own.",
  "settings.install.take": "Install",
  "settings.install.ios": "In Safari: tap “Share”, then “Add to Home Screen”.",
  "settings.installed": "The app is installed on this device.",

  "settings.privacy": "Your data",
  "settings.privacy.why": "See, take along, withdraw or delete what is kept",
  "settings.model": "Model and updates",
  "settings.model.why": "How good it is, and how it stays new",
  "settings.about": "About",
  "settings.about.city": "For {city}",
  "settings.about.version": "App version {version}",
  "settings.about.licence": "Free software under the Apache License 2.0. Your city runs it itself.",
} as const;
