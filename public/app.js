// What the pages do beyond links and forms. Without this file everything still works.

const root = document.documentElement
root.classList.add('scripted')

const all = (selector, from = document) => [...from.querySelectorAll(selector)]
const isTyping = (element) => element?.matches('input:not([type=checkbox], [type=radio]), textarea, select')

// Copy a field or a text, and say so.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]')
  if (!button) return
  const source = document.querySelector(button.dataset.copy)
  const text = (source.value ?? source.textContent).trim()
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    // Plain HTTP on an address that is not loopback has no clipboard: select it for the person instead.
    if (source.select) source.select()
    else getSelection().selectAllChildren(source)
    return toast('Selected. Press Ctrl C to copy it.')
  }
  toast(button.dataset.copied)
})

// One line in the corner; it goes after six seconds, unless somebody is at it.
function toast(text) {
  const line = document.createElement('div')
  line.className = 'flash good'
  line.setAttribute('role', 'status')
  line.append(text)
  document.body.append(line)
  settle(line)
}

function settle(line) {
  line.classList.add('toast-now')
  const close = document.createElement('button')
  close.type = 'button'
  close.className = 'text-button'
  close.textContent = 'Close'
  close.addEventListener('click', () => line.remove())
  line.append(close)
  let left = 6
  const clock = setInterval(() => {
    if (line.matches(':hover, :focus-within')) left = 6
    else if (--left <= 0 || !line.isConnected) {
      clearInterval(clock)
      line.remove()
    }
  }, 1000)
}
for (const flash of all('.flash')) if (!flash.classList.contains('bad')) settle(flash)

// A secret goes away by itself.
for (const count of all('[data-hide-after]')) {
  const end = Date.now() + Number(count.dataset.hideAfter) * 1000
  const clock = setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000)
    count.textContent = String(Math.max(0, left))
    if (left > 0) return
    clearInterval(clock)
    document.querySelector('#the-key')?.replaceChildren('hidden again')
    location.replace(count.dataset.hideTo)
  }, 250)
}

// Sign-in: show the password, and say when Caps Lock is on.
for (const button of all('[data-show-password]')) {
  const field = document.getElementById(button.dataset.showPassword)
  button.hidden = false
  button.addEventListener('click', () => {
    const shows = field.type === 'text'
    field.type = shows ? 'password' : 'text'
    button.querySelector('span').textContent = shows ? 'Show' : 'Hide'
    field.focus()
  })
  field.form.addEventListener('submit', () => {
    field.type = 'password'
  })
}
for (const sign of all('[data-caps-lock]')) {
  const look = (event) => {
    if (event.getModifierState) sign.hidden = !event.getModifierState('CapsLock')
  }
  document.addEventListener('keydown', look)
  document.addEventListener('keyup', look)
}

// A new password: which of its rules it meets already. The node judges the rest when it is sent.
for (const rules of all('[data-rules]')) {
  const password = document.getElementById(rules.dataset.rules)
  const [least, same] = [rules.querySelector('[data-least]'), rules.querySelector('[data-same]')]
  const again = document.getElementById(same.dataset.same)
  const look = () => {
    least.classList.toggle('met', [...password.value].length >= Number(least.dataset.least))
    same.classList.toggle('met', password.value !== '' && password.value === again.value)
  }
  for (const field of [password, again]) field.addEventListener('input', look)
}

document.addEventListener('click', (event) => {
  if (event.target.closest('[data-print]')) print()
})

// Light or dark at once; the form keeps it.
document.addEventListener('submit', (event) => {
  const choice = event.submitter
  if (!event.target.matches('form.theme') || !choice) return
  event.preventDefault()
  const theme = choice.value
  const secure = location.protocol === 'https:' ? '; Secure' : ''
  const age = theme === 'system' ? 0 : 31536000
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser, and needs HTTPS
  document.cookie = `theme=${theme}; Path=/; SameSite=Lax; Max-Age=${age}${secure}`
  if (theme === 'system') root.removeAttribute('data-bs-theme')
  else root.dataset.bsTheme = theme
  for (const button of all('button', event.target)) {
    if (button === choice) button.setAttribute('aria-pressed', 'true')
    else button.removeAttribute('aria-pressed')
  }
})

// Set-up: the button names the choice.
for (const radio of all('[data-mode-choice]')) {
  const show = () => {
    if (radio.checked) document.querySelector('[data-mode-button]').textContent = radio.dataset.modeChoice
  }
  radio.addEventListener('change', show)
  show()
}

// Lists: how many are ticked.
function countTicked(form) {
  const boxes = all('tbody input[type=checkbox]', form)
  const ticked = boxes.filter((box) => box.checked)
  for (const box of boxes) box.closest('tr').classList.toggle('chosen', box.checked)
  const bar = form.querySelector('[data-bulk-bar]')
  if (!bar) return
  const everyone = bar.querySelector('[data-bulk-every]:checked')
  const isOn = ticked.length > 0 || everyone !== null
  bar.classList.toggle('on', isOn)
  bar.querySelector('[data-bulk-count]').textContent = everyone
    ? `${everyone.dataset.bulkEvery} selected`
    : isOn
      ? `${ticked.length} selected`
      : 'Select people'
  for (const button of all('.btn', bar)) button.disabled = !isOn
  const clear = bar.querySelector('[data-bulk-clear]')
  if (clear) clear.hidden = !isOn
  const every = form.querySelector('[data-bulk-all]')
  if (every) {
    every.checked = boxes.length > 0 && ticked.length === boxes.length
    every.indeterminate = ticked.length > 0 && ticked.length < boxes.length
  }
}
const countAll = () => {
  for (const form of all('form[data-bulk]')) countTicked(form)
}
countAll()
document.addEventListener('htmx:after:swap', countAll)

// For who does not see the page.
function say(text) {
  const said = document.getElementById('said')
  if (said) said.textContent = text.replace(/\s+/g, ' ').trim()
}

// After a search: what the list has now is said to who does not see it, and an export is of what is filtered.
document.addEventListener('htmx:after:swap', () => {
  for (const link of all('[data-export]')) link.search = location.search
  const text = document.querySelector('.list-card .nothing h2, .list-card .pages > span')?.textContent
  if (text && document.activeElement?.closest('.filters')) say(text)
})
// Back from another page: the browser may bring ticks along after this has run.
addEventListener('pageshow', countAll)
document.addEventListener('change', (event) => {
  const form = event.target.closest('form[data-bulk]')
  if (!form) return
  if (event.target.matches('[data-bulk-all]'))
    for (const box of all('tbody input[type=checkbox]', form)) box.checked = event.target.checked
  countTicked(form)
})
const clearTicked = (form) => {
  for (const box of all('input[type=checkbox]', form)) box.checked = false
  countTicked(form)
}
document.addEventListener('click', (event) => {
  const clear = event.target.closest('[data-bulk-clear]')
  if (clear) clearTicked(clear.closest('form'))
  const row = event.target.closest('tr[data-href]')
  if (row && !event.target.closest('a, button, input, label, summary') && !String(getSelection()))
    row.querySelector('a').click()
})

// Menus of rows: one at a time, until somebody looks elsewhere.
const closeMenus = (besides) => {
  for (const menu of all('details.menu[open]')) if (!menu.contains(besides)) menu.open = false
}
document.addEventListener('click', (event) => closeMenus(event.target))
document.addEventListener('focusin', (event) => closeMenus(event.target))

// Keys: / search, j and k move, x select, Enter open, Esc clear, Ctrl S save, g and a letter go, ? lists them.
document.addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
    const save = document.querySelector('[data-save-form], form[data-pending].on')
    if (save) {
      event.preventDefault()
      save.requestSubmit()
    }
    return
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === 'Escape') return leave()
  if (isTyping(document.activeElement)) return
  if (event.key === '/') {
    const search = document.querySelector('[data-search]')
    if (search) {
      event.preventDefault()
      search.focus()
      search.select()
    }
  } else if (event.key === '?') showKeys()
  else if (Date.now() - wentAt < 1500) go(event.key)
  else if (event.key === 'g') wentAt = Date.now()
  else if (event.key === 'j' || event.key === 'k') move(event.key === 'j' ? 1 : -1)
  else if (event.key === 'x') document.querySelector('tr.at input[type=checkbox]')?.click()
  else if (event.key === 'Enter' && document.activeElement === document.body)
    document.querySelector('tr.at summary, tr.at a')?.click()
})

// g, and then where to; only what this person's menu has.
let wentAt = 0
const places = { h: '/', u: '/users', g: '/groups', a: '/audit' }
function go(key) {
  wentAt = 0
  document.querySelector(`.sidebar nav a[href="${places[key]}"]`)?.click()
}

// The list of keys, as a dialog: it holds the focus and gives it back.
async function showKeys() {
  if (document.querySelector('dialog[open]')) return
  const answer = await fetch('/help/keys', { headers: { 'HX-Request': 'true', 'HX-Request-Type': 'partial' } })
  if (!answer.ok) return location.assign('/help/keys')
  const dialog = document.createElement('dialog')
  dialog.className = 'keys-dialog'
  dialog.setAttribute('aria-labelledby', 'keys-title')
  dialog.innerHTML =
    '<header><h2 id="keys-title">Keyboard</h2><button type="button" class="text-button" autofocus>Close</button></header>'
  dialog.insertAdjacentHTML('beforeend', await answer.text())
  dialog.querySelector('button').addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
}
document.addEventListener('click', (event) => {
  if (!event.target.closest('[data-keys]')) return
  event.preventDefault()
  showKeys()
})

function move(step) {
  const rows = all('[data-rows] > tbody > tr:not(.day)')
  const at = rows.findIndex((row) => row.classList.contains('at'))
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))]
  if (!next) return
  rows[at]?.classList.remove('at')
  next.classList.add('at')
  next.scrollIntoView({ block: 'nearest' })
}

function leave() {
  if (location.hash === '#menu') location.hash = '#main'
  const menu = document.querySelector('details.menu[open]')
  if (menu) {
    menu.open = false
    return menu.querySelector('summary').focus()
  }
  const ticked = document.querySelector('form[data-bulk]:has(tr.chosen)')
  if (ticked) clearTicked(ticked)
  if (isTyping(document.activeElement)) document.activeElement.blur()
}

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

// The save bar counts and names what differs from what is kept.
for (const form of all('form[data-save-form]')) {
  const text = form.querySelector('[data-save-text]')
  // What is only shown has nothing to save.
  if (!text) continue
  const before = text.textContent
  const isNew = !form.querySelector('[data-save]')
  let sent = false

  const fields = () => all('input, select, textarea', form).filter((field) => field.name && field.type !== 'hidden')
  const savedOf = (field) => {
    if (field.dataset.saved !== undefined) return field.dataset.saved
    if (field.type === 'checkbox') return String(field.defaultChecked)
    if (field.tagName === 'SELECT') return [...field.options].find((option) => option.defaultSelected)?.value ?? ''
    return field.defaultValue
  }
  const shownValue = (field) => (field.type === 'checkbox' ? String(field.checked) : field.value)
  const labelOf = (field) => field.dataset.label ?? field.labels?.[0]?.firstChild?.textContent.trim() ?? field.name

  function show() {
    for (const old of all('.mark-changed', form)) old.remove()
    const changed = fields().filter((field) => shownValue(field) !== savedOf(field))
    if (isNew) return changed
    for (const field of changed) {
      const place = field.closest('.switch-row')?.querySelector('b') ?? field.closest('.chip') ?? field.labels?.[0]
      if (place) markAfter(place, field)
      const section = field.closest('.form-section')
      const link = section && form.querySelector(`[data-section-link="${section.id}"]`)
      if (link && !link.querySelector('.mark-changed')) link.append(mark('Changed'))
    }
    const names = [...new Set(changed.map(labelOf))]
    const listed = names.length > 6 ? `${names.slice(0, 6).join(', ')} and ${names.length - 6} more` : names.join(', ')
    text.textContent =
      changed.length === 0 ? before : `${names.length} unsaved ${names.length === 1 ? 'change' : 'changes'}: ${listed}`
    for (const services of all('[data-count-on]', form)) {
      const switches = all('input[name=plugins]', form)
      services.textContent = `${switches.filter((one) => one.checked).length} of ${switches.length} on`
    }
    return changed
  }

  function mark(word) {
    const badge = document.createElement('span')
    badge.className = word === 'Removed' ? 'mark-changed mark-removed' : 'mark-changed'
    badge.textContent = word
    return badge
  }

  function markAfter(place, field) {
    if (!place.matches('.chip'))
      return place.tagName === 'B' ? place.after(mark('Changed')) : place.append(mark('Changed'))
    place.append(mark(field.checked ? 'Added' : 'Removed'))
  }

  form.addEventListener('input', show)
  form.addEventListener('change', show)
  form.addEventListener('submit', () => {
    sent = true
  })
  form.querySelector('[data-discard]')?.addEventListener('click', () => {
    sent = true
  })
  addEventListener('beforeunload', (event) => {
    if (!sent && show().length > 0) event.preventDefault()
  })
  show()
}

// Members of a group: what is added and taken out waits, marked, until it is saved together.
for (const form of all('form[data-pending]')) {
  const card = document.querySelector(`[data-pending-for="${form.id}"]`)
  const bar = form.querySelector('[data-pending-bar]')
  const waiting = new Map()
  let sent = false

  const keyOf = (button) => `${button.name.endsWith('groups') ? 'group:' : ''}${button.value}`
  const joins = (button) => button.name.startsWith('join')
  const rowOf = (key) => all('tr[data-member]', card).find((row) => row.dataset.member === key)

  card.addEventListener('click', (event) => {
    const button = event.target.closest('[data-pend]')
    if (!button) return
    event.preventDefault()
    const key = keyOf(button)
    if (waiting.has(key)) takeBack(key)
    else wait(key, button)
    show()
  })

  // Arrows choose among those who were found, Enter adds; who has chosen nobody searches.
  const search = card.querySelector('.adder input[type=search]')
  search?.addEventListener('keydown', (event) => {
    const rows = all('.found li', card).filter((row) => row.querySelector('[data-pend]'))
    const at = rows.findIndex((row) => row.classList.contains('at'))
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step && rows.length > 0) {
      event.preventDefault()
      const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))]
      rows[at]?.classList.remove('at')
      next.classList.add('at')
      next.scrollIntoView({ block: 'nearest' })
      say(next.querySelector('b').textContent)
    } else if (event.key === 'Enter' && at >= 0) {
      event.preventDefault()
      rows[at].querySelector('[data-pend]').click()
    }
  })

  function wait(key, button) {
    const field = document.createElement('input')
    Object.assign(field, { type: 'hidden', name: button.name, value: button.value })
    form.append(field)
    waiting.set(key, { field, joins: joins(button), name: button.dataset.pend, note: button.dataset.pendNote ?? '' })
  }

  function takeBack(key) {
    waiting.get(key).field.remove()
    waiting.delete(key)
  }

  function show() {
    for (const row of all('tr.pending-row', card)) row.remove()
    const body = card.querySelector('[data-members] > tbody')
    for (const row of all('tr[data-member]', card)) mark(row, waiting.get(row.dataset.member))
    for (const button of all('.found [data-pend]', card)) {
      const isWaiting = waiting.has(keyOf(button))
      button.classList.toggle('waits', isWaiting)
      button.firstChild.nextSibling.textContent = isWaiting ? 'Put back' : 'Add'
    }
    for (const [key, one] of [...waiting].reverse())
      if (one.joins && body && !rowOf(key)) body.prepend(added(key, one, body))
    const names = (join) => [...waiting.values()].filter((one) => one.joins === join).map((one) => one.name)
    const said = [
      ['add', names(true)],
      ['take out', names(false)],
    ].flatMap(([verb, list]) => (list.length ? [`${verb} ${few(list)}`] : []))
    bar.hidden = waiting.size === 0
    form.classList.toggle('on', waiting.size > 0)
    bar.querySelector('[data-pending-count]').textContent =
      `${waiting.size} unsaved ${waiting.size === 1 ? 'change' : 'changes'}`
    bar.querySelector('[data-pending-text]').textContent = `${said.join(', ')}.`.replace(/^./, (first) =>
      first.toUpperCase(),
    )
  }

  const few = (names) =>
    names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')

  function mark(row, one) {
    row.classList.toggle('pending-out', one !== undefined)
    row.querySelector('.mark-changed')?.remove()
    const button = row.querySelector('[data-pend]')
    if (!button) return
    button.dataset.icon ??= button.innerHTML
    button.className = one ? 'btn btn-sm' : 'icon-button take-out'
    button.dataset.name ??= button.getAttribute('aria-label')
    if (one) button.textContent = 'Put back'
    else button.innerHTML = button.dataset.icon
    button.setAttribute('aria-label', one ? `Put back ${button.dataset.pend}` : button.dataset.name)
    if (one) row.querySelector('td.name').append(badge('Removed'))
  }

  function added(key, one, body) {
    const row = document.createElement('tr')
    row.className = 'pending-row'
    const cells = [...body.closest('table').tHead.rows[0].cells].map(() => row.insertCell())
    const [name, end] = [cells[0], cells.at(-1)]
    name.className = 'name'
    const [title, note] = [document.createElement('b'), document.createElement('span')]
    title.textContent = one.name
    note.textContent = one.note
    name.append(title, note, badge('Added'))
    const back = document.createElement('button')
    Object.assign(back, { type: 'button', className: 'btn btn-sm', textContent: 'Put back' })
    back.setAttribute('aria-label', `Put back ${one.name}`)
    back.addEventListener('click', () => {
      takeBack(key)
      show()
    })
    end.className = 'end'
    end.append(back)
    return row
  }

  function badge(word) {
    const span = document.createElement('span')
    span.className = word === 'Removed' ? 'mark-changed mark-removed' : 'mark-changed'
    span.textContent = word
    return span
  }

  document.addEventListener('htmx:after:swap', () => {
    if (waiting.size > 0) show()
  })
  form.addEventListener('submit', () => {
    sent = true
  })
  form.querySelector('[data-pending-discard]').addEventListener('click', () => {
    sent = true
  })
  addEventListener('beforeunload', (event) => {
    if (!sent && waiting.size > 0) event.preventDefault()
  })
}

// A smaller form that was typed into is not left by accident either.
const typedInto = new Set()
document.addEventListener('input', (event) => {
  const { form } = event.target
  if (
    form?.method !== 'post' ||
    !form.closest('.frame main') ||
    form.matches('[data-save-form], [data-bulk], .confirm')
  )
    return
  const isChanged = (field) =>
    field.type === 'checkbox' || field.type === 'radio'
      ? field.checked !== field.defaultChecked
      : field.value !== field.defaultValue
  const fields = all('input:not([type=hidden], [type=password], [type=search], [type=file]), textarea', form)
  if (fields.some(isChanged)) typedInto.add(form)
  else typedInto.delete(form)
})
document.addEventListener('submit', (event) => {
  if (event.target.method === 'post') typedInto.clear()
})
addEventListener('beforeunload', (event) => {
  if ([...typedInto].some((form) => form.isConnected)) event.preventDefault()
})

// What was wrong is what is looked at first.
document.querySelector('#problems a')?.focus({ preventScroll: true })
