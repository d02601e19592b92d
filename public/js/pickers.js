// Groups: a name that is typed and entered becomes a chip.
for (const picker of all('[data-picker]')) {
  const input = picker.querySelector('[data-picker-input]')
  const chips = picker.querySelector('[data-chips]')
  if (!input) continue
  const known = new Set(all('option', picker).map((option) => option.value))
  const add = () => {
    const name = input.value.trim().toLowerCase()
    if (!known.has(name)) return false
    const there = all('input', chips).find((box) => box.value === name)
    if (there) there.checked = true
    else {
      const chip = document.createElement('label')
      chip.className = 'chip'
      const box = document.createElement('input')
      Object.assign(box, { type: 'checkbox', name: 'groups', value: name, checked: true })
      box.dataset.label = `Group ${name}`
      box.dataset.saved = 'false'
      const word = document.createElement('span')
      word.textContent = name
      chip.append(box, word)
      chips.append(chip)
    }
    input.value = ''
    input.dispatchEvent(new Event('input', { bubbles: true }))
    return true
  }
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && input.value.trim() && add()) event.preventDefault()
  })
  input.addEventListener('change', add)
}

// A new person's profile: what it will fill in stands beside the field as the names are typed. The node fills it in.
for (const form of all('form[data-fills]')) {
  const fields = all('input:not([type=hidden]), textarea', form).filter((field) => /\{\w+\}/.test(field.defaultValue))
  const names = ['username', 'first', 'last'].map((name) => form.elements[name])
  const letters = { ß: 'ss', ø: 'o', æ: 'ae', œ: 'oe', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i' }
  const plain = (text) =>
    text
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .toLowerCase()
      .replace(/[ßøæœłđðþı]/g, (letter) => letters[letter])
      .trim()
      .replace(/\s+/g, '.')
      .replace(/[^\p{L}\p{N}._-]/gu, '')
  const show = () => {
    const [username, first, last] = names.map((field) => field.value.trim())
    const words = { username: username.toLowerCase(), first, last, f: [...first][0] ?? '', l: [...last][0] ?? '' }
    for (const field of fields) {
      let note = field.parentElement.querySelector('.fills')
      if (!note) {
        note = document.createElement('p')
        note.className = 'help fills'
        field.after(note)
      }
      const template = field.value.trim()
      const fill = (line) => {
        const tidy = /\s/.test(line.trim()) || /^\{\w+\}$/.test(line.trim()) ? (text) => text : plain
        return line.replace(/\{(\w+)\}/g, (whole, word) => (words[word] ? tidy(words[word]) : whole))
      }
      const filled = template.split('\n').map(fill).join('\n')
      note.textContent = filled === template ? 'Filled in with the names.' : `Becomes ${filled}`
      note.hidden = !/\{\w+\}/.test(template)
    }
  }
  for (const field of [...names, ...fields]) field.addEventListener('input', show)
  if (fields.length > 0) show()
}
