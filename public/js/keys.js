// Keys: / search, j and k move, x select, Enter open, Esc clear, Ctrl S save, g and a letter go, ? lists them.
document.addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
    const form = formToSave()
    if (form) {
      event.preventDefault()
      form.requestSubmit()
    }
    return
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return
  // A dialog that is open has the keys to itself.
  if (document.querySelector('dialog[open]')) return
  if (event.key === 'Escape') return leave(event)
  if (event.key === 'Enter' && document.activeElement?.matches('[data-search]')) return toFirstRow()
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
  else if (event.key === 'x') rowAt()?.querySelector('input[type=checkbox]')?.click()
  else if (event.key === 'Enter' && document.activeElement === document.body) rowAt()?.querySelector('a')?.click()
})

/** The form of the page, else the one that is being typed into. What asks before it removes is not sent by a habit. */
function formToSave() {
  const typed = isTyping(document.activeElement) ? document.activeElement.form : null
  const isMeant = typed?.matches('main form[method="post"]:not(.confirm)')
  return document.querySelector('form[data-save-form]') ?? (isMeant ? typed : null)
}

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

const rowAt = () => document.querySelector('tr.at')

/** The row takes the focus with its link, so that it is read aloud, and Tab and Enter go on from there. */
function move(step) {
  const rows = all('[data-rows] > tbody > tr:not(.day)')
  const focused = rows.findIndex((row) => row.contains(document.activeElement))
  const at = focused >= 0 ? focused : rows.findIndex((row) => row.classList.contains('at'))
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))]
  if (!next) return
  rowAt()?.classList.remove('at')
  next.classList.add('at')
  document.activeElement?.blur()
  next.querySelector('summary, a')?.focus({ preventScroll: true })
  next.scrollIntoView({ block: 'nearest' })
}

/** Who has typed a search goes on to what it found. */
const toFirstRow = () => document.addEventListener('htmx:after:swap', () => move(1), { once: true })

function leave(event) {
  const field = document.activeElement
  // A search is emptied first, and its list with it; the browser would empty the field alone.
  if (field?.matches('input[type=search]') && field.value !== '') {
    event.preventDefault()
    field.value = ''
    return field.dispatchEvent(new Event('input', { bubbles: true }))
  }
  if (location.hash === '#menu') location.hash = '#main'
  const menu = document.querySelector('details.menu[open]')
  if (menu) {
    menu.open = false
    return menu.querySelector('summary').focus()
  }
  const ticked = document.querySelector('form[data-bulk]:has(tr.chosen)')
  if (ticked) clearTicked(ticked)
  if (isTyping(field)) field.blur()
}
