/** JSON (or plain) text as a header value: one line of ASCII. In JSON, what changes is white space between tokens and how characters are written, not what they mean. */
export function headerText(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  let value = '';
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20 || unit === 0x7f) value += ' ';
    else if (unit < 0x7f) value += text[index];
    else value += `\\u${unit.toString(16).padStart(4, '0')}`;
  }
  return value;
}
