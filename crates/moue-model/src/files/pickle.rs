//! Reads the pickles that PyTorch writes for state dicts and checkpoints, and nothing more.
//!
//! A pickle is a program for a small stack machine that can call any Python function. Here no call is ever made: the few
//! constructors that tensors and dicts need are known by name, and what any other class or function would have made is
//! kept as an opaque object, with the entries and attributes that the pickle gives it. All objects live in one list and refer to each other by number, so that
//! neither deep nesting nor cycles can exhaust the stack, and no length that the file claims is believed
//! before the bytes are there. Instructions: Python's `Lib/pickletools.py`.

use std::collections::HashMap;
use std::rc::Rc;

use moue_files::excerpt;

use super::objects::{Element, Global, Object, Objects, TensorRecord, Value};

/// Largest pickle that is read; a state dict of this network takes 15 KiB.
pub(super) const MAX_PICKLE_BYTES: u64 = 4 << 20;
/// Most objects; each takes some hundred bytes at most.
const MAX_OBJECTS: usize = 400_000;
/// Longest text that is kept; of longer ones, which are no names, only the place stays.
const MAX_TEXT_BYTES: usize = 4096;

/// Runs the pickle; the objects, and the outermost one.
///
/// # Errors
/// Says what is not as in a state dict.
pub(super) fn read(pickle: &[u8]) -> Result<(Objects, Value), String> {
    let mut machine = Machine {
        input: pickle,
        objects: Objects(Vec::new()),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let top = machine.run()?;
    Ok((machine.objects, top))
}

struct Machine<'a> {
    input: &'a [u8],
    objects: Objects,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value, String> {
        loop {
            let [opcode] = self.array()?;
            match opcode {
                b'.' => return self.pop(),
                0x80 => {
                    let [version] = self.array()?;
                    if !(2..=5).contains(&version) {
                        return Err(format!("expected pickle protocol 2 to 5, found {version}"));
                    }
                }
                // FRAME: a hint of a length, which is not needed.
                0x95 => drop(self.array::<8>()?),
                b'(' => self.marks.push(self.stack.len()),
                b'N' | 0x88 | 0x89 => self.stack.push(Value::Plain),
                b'G' => {
                    let v = f64::from_be_bytes(self.array()?);
                    self.stack.push(Value::Float(v));
                }
                b'K' => {
                    let [v] = self.array()?;
                    self.stack.push(Value::Int(i64::from(v)));
                }
                b'M' => {
                    let v = u16::from_le_bytes(self.array()?);
                    self.stack.push(Value::Int(i64::from(v)));
                }
                b'J' => {
                    let v = i32::from_le_bytes(self.array()?);
                    self.stack.push(Value::Int(i64::from(v)));
                }
                0x8a => self.long()?,
                0x8b => {
                    let length = u64::from(u32::from_le_bytes(self.array()?));
                    self.skip(length)?;
                }
                // Bytes and bytearrays, for example the values of NumPy's scalars.
                b'C' => {
                    let [length] = self.array()?;
                    self.skip(u64::from(length))?;
                }
                b'B' => {
                    let length = u64::from(u32::from_le_bytes(self.array()?));
                    self.skip(length)?;
                }
                0x8e | 0x96 => {
                    let length = u64::from_le_bytes(self.array()?);
                    self.skip(length)?;
                }
                // Text; T and U are Python 2's.
                b'X' | b'T' => {
                    let length = u64::from(u32::from_le_bytes(self.array()?));
                    self.push_text(length)?;
                }
                0x8c | b'U' => {
                    let [length] = self.array()?;
                    self.push_text(u64::from(length))?;
                }
                0x8d => {
                    let length = u64::from_le_bytes(self.array()?);
                    self.push_text(length)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push_global(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop_text()?, self.pop_text()?);
                    self.push_global(&module, &name)?;
                }
                b'}' => self.push(Object::Dict(Vec::new()))?,
                b']' | b')' => self.push(Object::Sequence(Vec::new()))?,
                // Sets have no order, so nothing is made of what they hold.
                0x8f => self.push_opaque("set".into())?,
                0x90 => drop(self.pop_to_mark()?),
                0x91 => {
                    self.pop_to_mark()?;
                    self.push_opaque("frozenset".into())?;
                }
                b'd' => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::Dict(Vec::new()))?;
                    self.set_items(&items)?;
                }
                b't' | b'l' => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::Sequence(items))?;
                }
                0x85..=0x87 => {
                    let count = usize::from(opcode - 0x84);
                    let at = self.stack.len().checked_sub(count).ok_or("the stack is empty")?;
                    let items = self.stack.split_off(at);
                    self.push(Object::Sequence(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set_items(&items)?;
                }
                b'q' => {
                    let [slot] = self.array()?;
                    self.remember(u32::from(slot))?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.remember(slot)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let [slot] = self.array()?;
                    self.recall(u32::from(slot))?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.recall(slot)?;
                }
                b'Q' => self.persistent_id()?,
                b'R' => self.reduce()?,
                0x81 => {
                    let (arguments, class) = (self.pop()?, self.pop()?);
                    self.construct(class, arguments)?;
                }
                0x92 => {
                    let (_, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                    self.construct(class, arguments)?;
                }
                b'b' => self.build()?,
                b'0' => drop(self.pop()?),
                b'1' => drop(self.pop_to_mark()?),
                b'2' => {
                    let value = self.top()?;
                    self.stack.push(value);
                }
                other => return Err(format!("instruction 0x{other:02x} is not one of a state dict")),
            }
            if self.stack.len() > MAX_OBJECTS
                || self.memo.len() > MAX_OBJECTS
                || self.marks.len() > MAX_OBJECTS
            {
                return Err(format!("more than {MAX_OBJECTS} objects"));
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let (head, rest) = self.input.split_at_checked(count).ok_or("it ends too early")?;
        self.input = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String, String> {
        let window = &self.input[..self.input.len().min(256)];
        let end = window.iter().position(|b| *b == b'\n').ok_or("a name without an end")?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Ok(text)
    }

    /// LONG1: a little-endian number of up to 255 bytes; only those that fit 64 bits are used.
    fn long(&mut self) -> Result<(), String> {
        let [length] = self.array()?;
        let bytes = self.take(usize::from(length))?;
        if bytes.len() > 8 {
            self.stack.push(Value::Plain);
            return Ok(());
        }
        let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut whole = [fill; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        self.stack.push(Value::Int(i64::from_le_bytes(whole)));
        Ok(())
    }

    fn push(&mut self, object: Object) -> Result<(), String> {
        if self.objects.0.len() >= MAX_OBJECTS {
            return Err(format!("more than {MAX_OBJECTS} objects"));
        }
        self.objects.0.push(object);
        self.stack.push(Value::Object(self.objects.0.len() - 1));
        Ok(())
    }

    fn push_opaque(&mut self, class: Rc<str>) -> Result<(), String> {
        self.push(Object::Opaque { class, entries: Vec::new(), state: None })
    }

    /// Passes over bytes that are of no use.
    fn skip(&mut self, length: u64) -> Result<(), String> {
        let left = self.input.len();
        let short = || format!("expected {length} bytes, found {left}: it ends too early");
        let length = usize::try_from(length).ok().filter(|l| *l <= left).ok_or_else(short)?;
        self.take(length)?;
        self.stack.push(Value::Plain);
        Ok(())
    }

    fn push_text(&mut self, length: u64) -> Result<(), String> {
        if length <= MAX_TEXT_BYTES as u64 {
            let text = String::from_utf8_lossy(self.take(length as usize)?).into();
            self.push(Object::Text(text))
        } else if length <= self.input.len() as u64 {
            self.skip(length)
        } else {
            Err(format!("expected names of at most {MAX_TEXT_BYTES} bytes, found {length}"))
        }
    }

    fn push_global(&mut self, module: &str, name: &str) -> Result<(), String> {
        let global = match (module, name) {
            ("collections", "OrderedDict") => Global::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Global::RebuildTensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Global::RebuildParameter
            }
            ("torch._tensor", "_rebuild_from_type_v2") => Global::RebuildSubclass,
            ("torch", "FloatStorage") => Global::Storage(Element::F32),
            ("torch", "HalfStorage") => Global::Storage(Element::F16),
            ("torch", "BFloat16Storage") => Global::Storage(Element::Bf16),
            ("torch", "DoubleStorage") => Global::Storage(Element::F64),
            ("torch", "LongStorage") => Global::Storage(Element::I64),
            ("torch" | "torch.storage", other) if other.ends_with("Storage") => {
                Global::Storage(Element::Other)
            }
            // Two names of 4,096 bytes can be put together here again and again.
            _ => Global::Other(format!("{}.{}", excerpt(module, 60), excerpt(name, 60)).into()),
        };
        self.push(Object::Global(global))
    }

    fn top(&self) -> Result<Value, String> {
        self.stack.last().copied().ok_or_else(|| "the stack is empty".into())
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|m| *m <= self.stack.len()).ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    fn pop_text(&mut self) -> Result<Rc<str>, String> {
        let value = self.pop()?;
        self.objects.text(value).cloned().ok_or_else(|| "expected a name, found something else".into())
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), String> {
        let Value::Object(i) = self.top()? else {
            return Err("something is appended to what is no list".into());
        };
        match &mut self.objects.0[i] {
            Object::Sequence(list) => list.extend(items),
            Object::Opaque { .. } => {}
            _ => return Err("something is appended to what is no list".into()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Value]) -> Result<(), String> {
        let Value::Object(i) = self.top()? else { return Err("entries are set on what is no dict".into()) };
        let (Object::Dict(entries) | Object::Opaque { entries, .. }) = &mut self.objects.0[i] else {
            return Err("entries are set on what is no dict".into());
        };
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a key without a value".into());
        }
        entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
        Ok(())
    }

    /// BUILD: attributes. Those of dicts and tensors (PyTorch's `_metadata`) are not needed.
    fn build(&mut self) -> Result<(), String> {
        let attributes = self.pop()?;
        if let Value::Object(i) = self.top()?
            && let Object::Opaque { state, .. } = &mut self.objects.0[i]
        {
            *state = Some(attributes);
        }
        Ok(())
    }

    fn remember(&mut self, slot: u32) -> Result<(), String> {
        let value = self.top()?;
        self.memo.insert(slot, value);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), String> {
        let value = self.memo.get(&slot).copied().ok_or("something is recalled that was never remembered")?;
        self.stack.push(value);
        Ok(())
    }

    /// `("storage", type, key, place, count)`.
    fn persistent_id(&mut self) -> Result<(), String> {
        let value = self.pop()?;
        let objects = &self.objects;
        let described = objects.sequence(value).and_then(|items| match items {
            [tag, kind, key, ..] if objects.text(*tag).is_some_and(|t| **t == *"storage") => {
                match objects.get(*kind) {
                    Some(Object::Global(Global::Storage(element))) => {
                        Some((Rc::clone(objects.text(*key)?), *element))
                    }
                    _ => None,
                }
            }
            _ => None,
        });
        let (key, element) = described.ok_or("a reference that is no tensor's storage")?;
        self.push(Object::Storage { key, element })
    }

    /// A call: of the known constructors, without calling anything.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        self.construct(callee, arguments)
    }

    /// What `callee` would make of the arguments, where that is known; else an opaque object.
    fn construct(&mut self, callee: Value, arguments: Value) -> Result<(), String> {
        let objects = &self.objects;
        let global = match objects.get(callee) {
            Some(Object::Global(global)) => global,
            Some(Object::Opaque { class, .. }) => {
                let class = Rc::clone(class);
                return self.push_opaque(class);
            }
            _ => return Err("a call of something that is no constructor".into()),
        };
        let items = objects.sequence(arguments).ok_or("a call without arguments")?;
        match global {
            Global::OrderedDict => {
                let entries = items.first().and_then(|items| objects.pairs(*items)).unwrap_or_default();
                self.push(Object::Dict(entries))
            }
            Global::RebuildTensor => match self.tensor(items) {
                Some(tensor) => self.push(Object::Tensor(tensor)),
                None => self.push_opaque("a tensor whose description does not make sense".into()),
            },
            Global::RebuildParameter => {
                let tensor = items.first().copied().ok_or("a parameter without a tensor")?;
                self.stack.push(tensor);
                Ok(())
            }
            Global::RebuildSubclass => {
                let [inner, _, arguments, ..] = items else {
                    return Err("a tensor without a description".into());
                };
                match (objects.get(*inner), objects.sequence(*arguments)) {
                    (Some(Object::Global(Global::RebuildTensor)), Some(items)) => match self.tensor(items) {
                        Some(tensor) => self.push(Object::Tensor(tensor)),
                        None => self.push_opaque("a tensor whose description does not make sense".into()),
                    },
                    _ => self.push_opaque("a subclass of tensors".into()),
                }
            }
            Global::Storage(_) => self.push_opaque("a storage".into()),
            Global::Other(class) => {
                let class = match items.first().and_then(|first| objects.get(*first)) {
                    // The class itself stands in the arguments.
                    Some(Object::Global(Global::Other(of))) if class.starts_with("copy") => Rc::clone(of),
                    _ => Rc::clone(class),
                };
                self.push_opaque(class)
            }
        }
    }

    /// `(storage, offset, shape, stride, ..)`.
    fn tensor(&self, items: &[Value]) -> Option<TensorRecord> {
        let [storage, Value::Int(offset), shape, stride, ..] = items else { return None };
        let Some(Object::Storage { key, element }) = self.objects.get(*storage) else { return None };
        let sizes = |value: Value| -> Option<Vec<usize>> {
            let items = self.objects.sequence(value).filter(|items| items.len() <= 8)?;
            items
                .iter()
                .map(|item| if let Value::Int(v) = item { usize::try_from(*v).ok() } else { None })
                .collect()
        };
        let (shape, stride) = (sizes(*shape)?, sizes(*stride)?);
        (shape.len() == stride.len()).then_some(TensorRecord {
            storage: Rc::clone(key),
            element: *element,
            offset: usize::try_from(*offset).ok()?,
            shape,
            stride,
        })
    }
}
