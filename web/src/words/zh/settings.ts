export const settings = {
  "settings.title": "设置",
  "settings.look": "语言和外观",
  "settings.language": "语言",
  "settings.theme": "明暗",
  "settings.theme.system": "自动",
  "settings.theme.light": "浅色",
  "settings.theme.dark": "深色",
  "settings.text": "文字大小跟随手机或浏览器的设置。",

  "settings.network": "网络",
  "settings.send_wifi": "仅用 Wi-Fi 发送照片",
  "settings.update_wifi": "仅用 Wi-Fi 下载新模型",
  "settings.wifi_unknown":
    "这个浏览器不告知是否在用 Wi-Fi。等待 Wi-Fi 的内容会一直等到您要求为止：在“我的照片”中点“立即发送”，在“模型和更新”中点“检查更新”。",

  "settings.sharing": "给城市的照片",
  "settings.sharing.why": "每张照片的初始选择。每次发送前您都会看到，也可以另选。",
  "settings.sends": "提议发送照片",
  "settings.sends.why": "关闭时，一切都留在这部手机上。",
  "settings.place": "附带的地点有多精确",
  "settings.place.why": "手机会先模糊地点，再保存。",

  "settings.install": "安装应用",
  "settings.install.why": "可从主屏幕打开，有自己的窗口。",
  "settings.install.take": "安装",
  "settings.install.ios": "在 Safari 中：点“共享”，再点“添加到主屏幕”。",
  "settings.installed": "这台设备已安装本应用。",

  "settings.privacy": "您的数据",
  "settings.privacy.why": "查看、带走、撤回或删除所保存的内容",
  "settings.model": "模型和更新",
  "settings.model.why": "它有多准，以及如何保持最新",
  "settings.about": "关于",
  "settings.about.city": "服务于{city}",
  "settings.about.version": "应用版本 {version}",
  "settings.about.licence": "自由软件，采用 Apache 2.0 许可证，由您的城市自行运行。",
} as const;
