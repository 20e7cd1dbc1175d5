// What may be meant by what is typed after "/". A half-typed syllable counts as its letters, since 옝 is on the way to
// 예약, and initial consonants alone find a command, too: ㅇㅇ.

const LEADS = [..."ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"];
const VOWELS = ["ㅏ", "ㅐ", "ㅑ", "ㅒ", "ㅓ", "ㅔ", "ㅕ", "ㅖ", "ㅗ", "ㅗㅏ", "ㅗㅐ", "ㅗㅣ", "ㅛ", "ㅜ", "ㅜㅓ", "ㅜㅔ", "ㅜㅣ", "ㅠ", "ㅡ", "ㅡㅣ", "ㅣ"];
const TAILS = ["", "ㄱ", "ㄲ", "ㄱㅅ", "ㄴ", "ㄴㅈ", "ㄴㅎ", "ㄷ", "ㄹ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ", "ㄹㅌ", "ㄹㅍ", "ㄹㅎ", "ㅁ", "ㅂ", "ㅂㅅ", "ㅅ", "ㅆ", "ㅇ", "ㅈ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ"];
const MOST = 8;

const folded = (text) => text.normalize("NFKC").normalize("NFC").toLowerCase().replace(/^\/\s*/, "");
const each = (text, hangul) => [...text].map((sign) => {
  const at = sign.codePointAt(0) - 0xac00;
  return at < 0 || at >= 11172 ? sign : hangul(Math.floor(at / 588), Math.floor(at / 28) % 21, at % 28);
}).join("");
// NFKC makes of ㄱ that stands alone a sign of its own; the keyboard's is what is compared.
const alone = (text) => [...text].map((sign) => {
  const at = sign.codePointAt(0) - 0x1100;
  return at >= 0 && at < LEADS.length ? LEADS[at] : sign;
}).join("");
const letters = (text) => each(alone(text), (lead, vowel, tail) => LEADS[lead] + VOWELS[vowel] + TAILS[tail]);
const initials = (text) => each(alone(text), (lead) => LEADS[lead]);

// `known`: [{ name, usage, help, bot }]. Once the name is whole and something follows, just that one: as a reminder.
export function completions(typed, known) {
  if (!/^[/／]/.test(typed)) return [];
  const wanted = folded(typed);
  const [name, more] = [wanted.split(/\s/)[0], /\s/.test(wanted)];
  if (more) return known.filter((one) => folded(one.name) === name).slice(0, 1);
  const begins = letters(wanted);
  const found = known.filter((one) => letters(folded(one.name)).startsWith(begins));
  const others = known.filter((one) => !found.includes(one) && wanted && initials(folded(one.name)).startsWith(alone(wanted)));
  return [...found, ...others].slice(0, MOST);
}
