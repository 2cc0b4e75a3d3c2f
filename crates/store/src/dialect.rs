//! The few places where the two engines need different words.

/// Which engine a [`crate::Database`] speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Mysql,
}

impl Dialect {
    /// Whether other processes may write the same tables: a SQLite file belongs
    /// to one process.
    #[must_use]
    pub fn is_shared(self) -> bool {
        match self {
            Self::Sqlite => false,
            Self::Mysql => true,
        }
    }

    /// Begins an insert that does nothing when the key exists.
    #[must_use]
    pub fn insert_ignore(self) -> &'static str {
        match self {
            Self::Sqlite => "INSERT OR IGNORE INTO",
            Self::Mysql => "INSERT IGNORE INTO",
        }
    }

    /// Begins an insert that replaces the row with the same primary key.
    #[must_use]
    pub fn replace(self) -> &'static str {
        "REPLACE INTO"
    }

    /// A JSON array column with one more text, which is bound once.
    #[must_use]
    pub fn json_append(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("json_insert(coalesce({column}, '[]'), '$[#]', ?)"),
            Self::Mysql => format!("json_array_append(coalesce({column}, '[]'), '$', ?)"),
        }
    }

    /// A JSON array column without a text, which is bound twice; as it is when
    /// the text is not in it.
    ///
    /// Compat: the reference's unguarded form makes the whole column NULL then
    /// (chapter 02 §7.10); pinned by `json_arrays_grow_and_shrink`.
    #[must_use]
    pub fn json_remove(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!(
                "CASE WHEN ? IS NULL THEN {column} ELSE \
                 (SELECT json_group_array(value) FROM json_each({column}) WHERE value <> ?) END"
            ),
            Self::Mysql => format!(
                "CASE WHEN json_search({column}, 'one', ?) IS NULL THEN {column} ELSE \
                 json_remove({column}, json_unquote(json_search({column}, 'one', ?))) END"
            ),
        }
    }

    /// An idle target's tries as one number, six bits for each destination:
    /// 0 = absent, otherwise 1 + tries (at most 62). An index of the SQLite
    /// schema has this expression word for word; MySQL's tables are VoIPbin's
    /// and get no such index.
    #[must_use]
    pub fn target_tries(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => Some(TARGET_TRIES),
            Self::Mysql => None,
        }
    }
}

const TARGET_TRIES: &str = "\
(CASE WHEN coalesce(json_extract(destination_0, '$.target'), '') <> '' THEN 1 + min(coalesce(try_count_0, 0), 62) ELSE 0 END \
+ CASE WHEN coalesce(json_extract(destination_1, '$.target'), '') <> '' THEN 64 + 64 * min(coalesce(try_count_1, 0), 62) ELSE 0 END \
+ CASE WHEN coalesce(json_extract(destination_2, '$.target'), '') <> '' THEN 4096 + 4096 * min(coalesce(try_count_2, 0), 62) ELSE 0 END \
+ CASE WHEN coalesce(json_extract(destination_3, '$.target'), '') <> '' THEN 262144 + 262144 * min(coalesce(try_count_3, 0), 62) ELSE 0 END \
+ CASE WHEN coalesce(json_extract(destination_4, '$.target'), '') <> '' THEN 16777216 + 16777216 * min(coalesce(try_count_4, 0), 62) ELSE 0 END)";
