export const settings = {
  "settings.title": "Cài đặt",
  "settings.look": "Ngôn ngữ và giao diện",
  "settings.language": "Ngôn ngữ",
  "settings.theme": "Độ sáng",
  "settings.theme.system": "Tự động",
  "settings.theme.light": "Sáng",
  "settings.theme.dark": "Tối",
  "settings.text": "Cỡ chữ theo điện thoại hoặc trình duyệt của bạn.",

  "settings.network": "Mạng",
  "settings.send_wifi": "Chỉ gửi ảnh qua Wi-Fi",
  "settings.update_wifi": "Chỉ tải mô hình mới qua Wi-Fi",
  "settings.wifi_unknown":
    "Trình duyệt này không cho biết có đang dùng Wi-Fi không. Những gì chờ Wi-Fi sẽ chờ đến khi bạn yêu cầu: bấm “Gửi ngay” trong “Ảnh của tôi”, và “Tìm bản cập nhật” trong “Mô hình và cập nhật”.",

  "settings.sharing": "Ảnh cho thành phố",
  "settings.sharing.why":
    "Lựa chọn ban đầu cho mỗi ảnh. Trước khi gửi, bạn luôn thấy những điều này và có thể chọn khác.",
  "settings.sends": "Đề nghị gửi ảnh",
  "settings.sends.why": "Tắt: mọi thứ ở lại trên điện thoại này.",
  "settings.place": "Địa điểm gửi kèm chính xác đến đâu",
  "settings.place.why": "Điện thoại làm tròn địa điểm trước khi lưu.",

  "settings.install": "Cài ứng dụng",
  "settings.install.why": "Mở từ màn hình chính, trong cửa sổ riêng.",
  "settings.install.take": "Cài đặt",
  "settings.install.ios": "Trong Safari: chạm “Chia sẻ”, rồi “Thêm vào MH chính”.",
  "settings.installed": "Ứng dụng đã được cài trên thiết bị này.",

  "settings.privacy": "Dữ liệu của bạn",
  "settings.privacy.why": "Xem, mang theo, rút lại hoặc xóa những gì được lưu",
  "settings.model": "Mô hình và cập nhật",
  "settings.model.why": "Mô hình tốt đến đâu và được cập nhật thế nào",
  "settings.about": "Giới thiệu",
  "settings.about.city": "Dành cho {city}",
  "settings.about.version": "Phiên bản ứng dụng {version}",
  "settings.about.licence": "Phần mềm tự do theo giấy phép Apache 2.0. Thành phố của bạn tự vận hành.",
} as const;
