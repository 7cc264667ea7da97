// A small table of the shortcodes a gate bot is likely to use; an unknown one stays as it was typed.
const TABLE = {
  "+1": "👍", "-1": "👎", white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", warning: "⚠️", no_entry: "⛔",
  no_entry_sign: "🚫", red_circle: "🔴", large_green_circle: "🟢", large_yellow_circle: "🟡", large_orange_circle: "🟠",
  large_blue_circle: "🔵", white_circle: "⚪", black_circle: "⚫", rocket: "🚀", fire: "🔥", lock: "🔒", unlock: "🔓",
  key: "🔑", rotating_light: "🚨", bell: "🔔", no_bell: "🔕", hourglass: "⌛", hourglass_flowing_sand: "⏳", clock1: "🕐",
  calendar: "📅", spiral_calendar_pad: "🗓️", snowflake: "❄️", shield: "🛡️", eyes: "👀", tada: "🎉", wave: "👋",
  pager: "📟", telephone_receiver: "📞", mag: "🔍", memo: "📝", link: "🔗", package: "📦", gear: "⚙️", wrench: "🔧",
  hammer: "🔨", bug: "🐛", rewind: "⏪", fast_forward: "⏩", arrow_right: "➡️", arrow_left: "⬅️", arrow_up: "⬆️",
  arrow_down: "⬇️", information_source: "ℹ️", question: "❓", exclamation: "❗", stop_sign: "🛑", octagonal_sign: "🛑",
  construction: "🚧", bar_chart: "📊", chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉", scroll: "📜",
  robot_face: "🤖", bust_in_silhouette: "👤", busts_in_silhouette: "👥", raised_hand: "✋", ok_hand: "👌", pray: "🙏",
  thumbsup: "👍", thumbsdown: "👎", smile: "😄", slightly_smiling_face: "🙂", thinking_face: "🤔", heart: "❤️",
  star: "⭐", sparkles: "✨", zap: "⚡", boom: "💥", checkered_flag: "🏁", black_square_for_stop: "⏹️", double_vertical_bar: "⏸️",
  arrow_forward: "▶️", repeat: "🔁", arrows_counterclockwise: "🔄", heavy_plus_sign: "➕", heavy_minus_sign: "➖",
  small_red_triangle: "🔺", bulb: "💡", books: "📚", point_right: "👉", white_large_square: "⬜", black_large_square: "⬛",
};
export const emoji = (name) => TABLE[name] ?? null;
