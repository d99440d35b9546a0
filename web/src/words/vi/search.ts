export const search = {
  "search.title": "Thùng nào cho…",
  "search.placeholder": "Pin, hộp pizza, khăn giấy",
  "search.clear": "Xóa",
  "search.found": { other: "Tìm thấy {n} thứ" },
  "search.nothing": "Không tìm thấy gì cho “{words}”",
  "search.nothing.why": "Hãy thử từ ngắn hơn hoặc từ khác, hoặc chụp ảnh.",
  "search.bins": "Các thùng",
  "search.bins.why": "Thứ gì bỏ vào đâu ở {city}.",
  "search.in_bin": { other: "{n} thứ" },
  "search.no_guide": "Hướng dẫn chưa có trên điện thoại này",
  "search.no_guide.why": "Hướng dẫn sẽ được tải ngay khi có mạng.",
  "search.no_such_bin": "Thùng này không còn trong hướng dẫn.",
} as const;
