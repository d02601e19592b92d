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
      : 'Nobody selected'
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

// htmx begins a moment after the page is there: what was typed by then is searched for all the same.
document.addEventListener(
  'htmx:after:process',
  () => {
    for (const field of all('[data-search]'))
      if (field.value !== field.defaultValue) field.dispatchEvent(new Event('input', { bubbles: true }))
  },
  { once: true },
)

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
