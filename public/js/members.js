// Members of a group: what is added and taken out waits, marked, until it is saved together with the rest of the form.
for (const card of all('[data-pending-for]')) {
  const form = document.getElementById(card.dataset.pendingFor)
  const keyOf = ({ name, value }) => `${name.endsWith('groups') ? 'group:' : ''}${value}`
  const joins = (field) => field.name.startsWith('join')
  /** Key of a member -> the hidden field that will say it. Some wait already when the form came back with a problem. */
  const waiting = new Map(all('[data-pending]', form).map((field) => [keyOf(field), field]))

  card.addEventListener('click', (event) => {
    const button = event.target.closest('[data-pend], [data-put-back]')
    if (!button) return
    event.preventDefault()
    const key = button.dataset.putBack ?? keyOf(button)
    if (waiting.has(key)) takeBack(key)
    else wait(key, button)
    form.dispatchEvent(new Event('input', { bubbles: true }))
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
    const name = button.dataset.pend
    Object.assign(field.dataset, { pending: name, note: button.dataset.note ?? '' })
    field.dataset.label = joins(field) ? `add ${name}` : `take out ${name}`
    form.append(field)
    waiting.set(key, field)
  }

  function takeBack(key) {
    waiting.get(key).remove()
    waiting.delete(key)
  }

  function show() {
    for (const row of all('tr.pending-row', card)) row.remove()
    const rows = all('tr[data-member]', card)
    for (const row of rows) showLeaving(row, waiting.has(row.dataset.member))
    for (const button of all('.found [data-pend]', card)) {
      const isWaiting = waiting.has(keyOf(button))
      button.classList.toggle('waits', isWaiting)
      button.querySelector('[data-word]').textContent = isWaiting ? 'Put back' : 'Add'
    }
    const body = card.querySelector('[data-members] > tbody')
    for (const [key, field] of [...waiting].reverse())
      if (body && joins(field) && !rows.some((row) => row.dataset.member === key)) body.prepend(joining(key, field))
  }

  function showLeaving(row, isLeaving) {
    row.classList.toggle('pending-out', isLeaving)
    row.querySelector('.mark-changed')?.remove()
    if (isLeaving) row.querySelector('td.name').append(mark('Removed'))
    const button = row.querySelector('[data-pend]')
    if (!button) return
    button.className = isLeaving ? 'btn btn-sm' : 'icon-button take-out'
    button.querySelector('.icon').toggleAttribute('hidden', isLeaving)
    button.querySelector('[data-word]').hidden = !isLeaving
    button.dataset.name ??= button.getAttribute('aria-label')
    button.setAttribute('aria-label', isLeaving ? `Put back ${button.dataset.pend}` : button.dataset.name)
  }

  function joining(key, field) {
    const row = card.querySelector('template').content.firstElementChild.cloneNode(true)
    row.querySelector('b').textContent = field.dataset.pending
    row.querySelector('b + span').textContent = field.dataset.note
    row.querySelector('td.name').append(mark('Added'))
    const button = row.querySelector('[data-put-back]')
    button.dataset.putBack = key
    button.setAttribute('aria-label', `Put back ${field.dataset.pending}`)
    return row
  }

  // A search or another page of the list brings new rows.
  document.addEventListener('htmx:after:swap', show)
  show()
}
