export const search = {
  "search.title": "该投哪个桶……",
  "search.placeholder": "电池、披萨盒、纸巾",
  "search.clear": "清除",
  "search.found": { other: "找到 {n} 种" },
  "search.nothing": "没有找到“{words}”",
  "search.nothing.why": "换个更短的词或别的词试试，或者拍张照片。",
  "search.bins": "各种桶",
  "search.bins.why": "在{city}，什么该投到哪里。",
  "search.in_bin": { other: "{n} 种" },
  "search.no_guide": "这部手机上还没有指南",
  "search.no_guide.why": "一有网络就会下载。",
  "search.no_such_bin": "指南里已没有这个桶。",
} as const;
