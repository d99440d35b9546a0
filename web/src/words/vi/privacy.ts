export const privacy = {
  "privacy.title": "Dữ liệu của bạn",
  "privacy.here": "Trên điện thoại này",
  "privacy.here.photos": { other: "{n} ảnh" },
  "privacy.here.photos.why": "Cùng với câu trả lời của điện thoại và của bạn.",
  "privacy.here.rest": "Mô hình, hướng dẫn của thành phố và cài đặt của bạn",
  "privacy.sent": "Ở thành phố",
  "privacy.sent.none": "Bạn chưa gửi ảnh nào.",
  "privacy.sent.photos": { other: "{n} ảnh bạn đã gửi" },
  "privacy.sent.waiting": { other: "Còn {n} ảnh đang chờ gửi." },
  "privacy.sent.number":
    "Thành phố chỉ biết điện thoại này qua một số ngẫu nhiên: không tên, không e-mail, không số điện thoại.",
  "privacy.sent.counts":
    "Mỗi ngày một lần, điện thoại báo các con số: bao nhiêu câu trả lời, nhanh đến đâu, bao nhiêu lần được nói là đúng hay sai, mô hình nào và loại điện thoại nào. Không ảnh, không địa điểm, không tên.",
  "privacy.export": "Mang dữ liệu của tôi theo",
  "privacy.export.why":
    "Một tệp gồm ảnh, câu trả lời và những gì bạn đã sửa; khi có mạng, gồm cả những gì thành phố lưu về chúng.",
  "privacy.export.busy": "Đang gom lại",
  "privacy.export.save": "Lưu tệp ({size})",
  "privacy.export.failed": "Không tạo được tệp: điện thoại này không đủ chỗ.",
  "privacy.withdraw": "Rút lại tất cả ảnh",
  "privacy.withdraw.why": "Thành phố sẽ xóa mọi ảnh bạn đã gửi.",
  "privacy.withdraw.title": "Rút lại tất cả ảnh?",
  "privacy.withdraw.sure": {
    other:
      "{n} ảnh sẽ bị xóa ở thành phố và trên điện thoại này. Không mô hình nào sau này học từ chúng nữa. Không thể hoàn tác.",
  },
  "privacy.withdraw.confirm": "Rút lại tất cả",
  "privacy.withdraw.done": "Đã rút lại tất cả ảnh.",
  "privacy.told_later": "Thành phố sẽ được báo ngay khi có mạng.",
  "privacy.forget": "Quên điện thoại này",
  "privacy.forget.why": "Rút lại mọi thứ và bắt đầu lại như chưa từng có ứng dụng ở đây.",
  "privacy.forget.title": "Quên điện thoại này?",
  "privacy.forget.sure":
    "Tất cả ảnh sẽ được rút lại ở thành phố, và số của điện thoại này bị xóa ở đó. Ảnh và cài đặt bị xóa ở đây. Không thể hoàn tác.",
  "privacy.forget.confirm": "Quên tất cả",
  "privacy.forget.done": "Đã quên điện thoại này.",
} as const;
