// The save bar counts and names what differs from what is kept.
for (const form of all('form[data-save-form]')) {
  // A part of the page may bring a new one.
  const text = () => document.querySelector('[data-save-text]')
  const before = text().textContent
  const isNew = !document.querySelector('[data-save]')
  let sent = false

  const isField = (field) =>
    field.matches('select, textarea, input:not([type=hidden], [name=authority]), [data-pending]')
  const fields = () => [...form.elements].filter((field) => field.name && isField(field))
  const savedOf = (field) => {
    if ('pending' in field.dataset) return undefined
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
    text().textContent =
      changed.length === 0 ? before : `${names.length} unsaved ${names.length === 1 ? 'change' : 'changes'}: ${listed}`
    for (const services of all('[data-count-on]', form)) {
      const switches = all('input[name=plugins]', form)
      services.textContent = `${switches.filter((one) => one.checked).length} of ${switches.length} on`
    }
    return changed
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
  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-discard]')) sent = true
  })
  document.addEventListener('htmx:after:swap', show)
  addEventListener('beforeunload', (event) => {
    if (!sent && show().length > 0) event.preventDefault()
  })
  show()
}
