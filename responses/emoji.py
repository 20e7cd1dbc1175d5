"""Common `:names:` of emoji, for where characters are shown; others stay as they are written."""

_NAMES = """
wave 👋 clap 👏 memo 📝 fork_and_knife 🍴 blush 😊 droplet 💧 muscle 💪 sparkles ✨ smile 😄
smiley 😃 grinning 😀 grin 😁 joy 😂 heart ❤️ heart_eyes 😍 wink 😉 relaxed ☺️ thinking 🤔
cry 😢 sob 😭 sweat_smile 😅 tada 🎉 gift 🎁 fire 🔥 star ⭐ star2 🌟 sunny ☀️ thumbsup 👍
+1 👍 -1 👎 ok_hand 👌 pray 🙏 raised_hands 🙌 point_right 👉 point_down 👇 point_up ☝️
point_left 👈 eyes 👀 bulb 💡 bell 🔔 warning ⚠️ white_check_mark ✅ heavy_check_mark ✔️
x ❌ question ❓ exclamation ❗ calendar 📅 date 📅 alarm_clock ⏰ hourglass ⌛ watch ⌚
phone ☎️ iphone 📱 email 📧 package 📦 truck 🚚 shopping_cart 🛒 credit_card 💳 moneybag 💰
chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 bar_chart 📊 pushpin 📌 link 🔗
mag 🔍 lock 🔒 key 🔑 apple 🍎 green_apple 🍏 banana 🍌 avocado 🥑 tomato 🍅 broccoli 🥦
carrot 🥕 salad 🥗 green_salad 🥗 rice 🍚 bento 🍱 egg 🥚 meat_on_bone 🍖 poultry_leg 🍗
fish 🐟 bread 🍞 glass_of_milk 🥛 coffee ☕ tea 🍵 runner 🏃 walking 🚶 weight_lifter 🏋️
person_in_lotus_position 🧘 sleeping 😴 seedling 🌱 leaves 🍃 cherry_blossom 🌸 rocket 🚀
house 🏠 hospital 🏥 pill 💊 point_up_2 👆 v ✌️ hugs 🤗
""".split()
EMOJI = dict(zip(_NAMES[::2], _NAMES[1::2], strict=True))
