"""Japanese words in romaji for generated passwords: short, neutral, easily read out on the telephone.

4 to 8 letters each, every word once. Picked by hand for this project (no third party's list, no licence to carry).
The same list, with the names and phrases below, tells the password check which words somebody in Japan tries first.
"""

from __future__ import annotations

WORDS: tuple[str, ...] = tuple(
    """
    ahiru airon aisu ajisai akanbou akane akari akarui akatsuki akegata akeru akita amai amazake anago andon ankou
    anmitsu anzu aomori arare arashi arau aruku asagao asagi asagohan asahi asari asatsuyu asatte ashi ashiato
    ashita asobu atama atami atari atarimae atatakai atsui awabi awaji azarashi azuki baiorin baketsu barei basho
    basu basuke basutei batta beddo benri bentou beppu bijutsu biwa boken bonchi botan boushi buchou budou bungaku
    buri buta butsuri byouin chadou chairo chawan chichi chigaku chiisai chikyuu chiri chizu chou chouchin chuumon
    curry daidai daifuku daikon daiku daizu danbou dango daruma dasu denchi denki densha denwa dojo doraiba dorayaki
    doro dosei doukutsu doyou edamame egao ehon eiga eigo eigyou engawa ennichi enoki enpitsu enryo erabu erimaki
    fooku fubuki fude fugu fujiiro fuku fukui fukuoka fukuro fukurou fumoto funa fune furin furoba furui fusuma
    futatsu futon fuutou fuyu gaka gake gakki gakkou gamu garasu genkan genki genzai geta getsuyou gifu ginga giniro
    ginkou ginnan gitaa gobo goma gorufu gyudon gyunyu hagaki haha haiiro haiku haiyuu hajimeru hakama hakata hako
    hakodate hakone hakucho hakusai hama hamabe hamaguri hamo hana hanabi hanabira hanami hanasu hanataba hanaya
    hanbun hankachi hanto haori happa happyou harappa harau hari haru harusame hasami hashi hashigo hashira hashiru
    hasu hata hatake hato hatoba hayai hayasa hayashi hebi heiwa heiya heya hibachi hibari hidamari hidari hidokei
    higashi hiji hijiki hikari hikouki hiku hikui himawari himeji himitsu himo hinata hinoki hirame hiroi hirou hiru
    hirune hisui hitai hitode hitoiki hitotsu hitsuji hiyoko hiyori hiza hoho hokkaido hokousha hokuto hondana
    honshu honya horenso hoshi hotaru hotate hoteru houchou houjicha houki houkou houritsu houseki hyou hyouga
    ichiba ichigo ichijiku icho igaku ikada ikari imori imouto inaho inazuma inemuri ireru iruka isha ishi ishigaki
    isobe itachi itadaki itoko itou itsutsu iwaba iwashi izumi jagaimo janken jikan jiki jinja jinji jishaku jisho
    jitensha jiyuu jouzu juudou juusu kaaten kaba kaban kabe kabin kabocha kabosu kabuto kado kaede kaeru kaesu
    kafun kagaku kagami kagayaki kagerou kagi kago kaguya kaidan kaidou kaigara kaigi kaisha kaizoku kakashi kakato
    kaki kakko kako kaku kakurega kama kamakiri kamakura kame kamera kami kaminari kamo kamome kanazawa kanban kane
    kangaeru kangaru kangoshi kani kanmuri kanna karai karakuri karashi karasu karate karei kariru karui karuta kasa
    kasegi kasei kashu kasumi kasutera kata katachi kataomoi katsudon katsuo kawa kawabata kawaii kawasemi kayou
    kazahana kazan kaze keeki keiri keisatsu keitai keito keizai kekkon kendama kendou kesshou kesu keyaki kiboshi
    kibou kigi kiiro kiji kiku kikyuu kimagure kimeru kimono kingyo kiniro kinoko kinou kinsei kintarou kinyou kirei
    kiri kirin kiru kisetsu kishi kissaten kisu kita kitsune kitte koara kobachi kobune kodachi kodomo kogen kohaku
    koharu kokeshi kokoa kokoro kokugo koma kome komichi komorebi konayuki konbu konjou konoha koohii koori koorogi
    kosame koshi kotatsu koto kotoba kotori koube koucha kouchi kouen kougaku kouhou koujou koumori kousaten kouya
    koyomi kozue kubi kugi kujira kukkii kuma kumamoto kumo kumogata kurage kurai kurashi kuri kuro kuruma kurumi
    kusa kusabue kusari kushi kusuriya kutsu kuukou kuwagata kyabetsu kyaku kyandii kyatatsu kyori kyou kyouto kyuri
    kyushu kyusu kyuudou mabuta maccha mado madobe magaru maguro mahoroba mahou maigo maitake makura manabi manaita
    manga mangetsu manjuu mannaka marason maru masu matsu matsue matsuri mayuge megane megumi mejiro menko meron
    mezame michi midori migi mijikai mikan mikazuki miki mikoshi mimi mimizu minami minamo minato mine minori mirai
    mirin miru misaki miso mitsu mitsuba mittsu miyajima miyazaki mizore mizube mizuiro mizutama mizuumi mochi moegi
    mogura mokusei mokuyou mokuzai momiji momo momoiro monaka monosugo morau mori morioka motsu moufu mozuku mugi
    mugicha muko mune murasaki musubi muttsu nabe nadare nagai nagano nagasa nagasaki nageru nagoya naha naifu naka
    naku namako namazu nameko nanatsu naosu nara nashi nasu natsu natto nawatobi negai negi neji nekko neko nemuri
    nendo neru nezumi nichiyou nigai nigiyaka niigata niji nijiiro nikki nikkou nikuya ninja ninjin ninjou ninniku
    nishi nishin niwa niwatori noboru nohara nokogiri nomu nooto noren nori noufu nougaku nouhin nugu nukumori numa
    nuno nyuugaku obentou oboeru obon oboro ocha ochazuke ochiba odayaka odori odoru ohanami ohisama oishii oita
    oiwai okaeri okashi okayama okayu okiru okonomi okoru okuru omisoka omiyage omoi omoide omosa omou ongaku
    onigiri onigokko onsen ooki oosaka origami oriru osara oshiruko osoi otaru otedama otera otogi otohime otona
    otonari otouto otsukimi owan owaru oyakodon oyogu panda panya penchi penguin piano piman purin raion raishu
    rajio rakko rakuda ramen ramune reibou reizouko rekishi remon renkon rika ringo risu roba roketto rouka rousoku
    ruri ryokan ryokou ryoushi ryoushuu saba sabaku sado sagasu sagi saidaa saifu saigo saisho saji saka
    sakanaya sake sakka sakkaa sakura samidare samui samurai sanchou sango sankaku sanma sanpo sapporo saru sasayaki
    sashimi sato satoimo satoyama sawa sayori sazae sazanami seibutsu seiji seito seiza sekai sekirei semai semi
    senaka senbei sendai senpuuki sensei senshu sensu sentaku setsubun shachou shain shakai shamisen shashin shashou
    shibafu shigoto shigure shiitake shijimi shika shikaku shiken shikoku shima shimeji shimeru shimo shinbun
    shingou shinju shinri shio shiohi shiokaze shiosai shirabe shiro shiso shita shizen shizuka shizuku shizuoka
    shoga shogatsu shokudou shokunin shoppai shougi shouji shouten shoyu shukudai shungiku soba sobo sofa sofu somen
    sora soto sougen soujiki soumu soyokaze sudachi sudare sugi sugoroku suiei suihanki suika suiren suisei suishou
    suisou suiyou sukeeto sukii sumi sumire sumomo sumou suna sunahama suppai sushi susuki suugaku suwaru suzu
    suzukaze suzume suzuri suzushii taberu tabi tabibito tabiji taifu taiiku taiko taisetsu taiyaki taiyou taka
    takai takara takasa takayama takenoko taki takibi takkyuu tako takoage takoyaki takushii tamago tamanegi
    tanabata tanbo tane tani tanjoubi tanka tanoshii tanpopo tansu tanuki tara tarai taru tasogare tasuki tatami
    tatsu tebako tebukuro techou tegami tekubi tendon tenisu tenjo tenki tenohira tenpura tentou tenugui terebi
    teruteru tetsu tobira tobu tofu toge tokage tokei tokimeki tokoro tomarigi tomaru tomato tonari tonbi tonbo
    tonneru tooboe tora torakku torihada torii toshokan tottori toudai touki toyama tozan tsubaki tsubame tsubo
    tsubomi tsuchi tsudoi tsukeru tsuki tsukimi tsukiyo tsukue tsukuru tsume tsumetai tsumiki tsurara tsuri tsuru
    tsurushi tsutsuji tsuyoi tsuyu uchiwa uchuu udon uguisu ukeru umibe unagi undou untenshu urashima ureshii urushi
    usagi ushi ushiro usui utau wagashi wakaba wakame wakareru wakayama warau wasabi washi wasureru wataame wataru
    yagi yakan yakimono yakisoba yakkyoku yakusoku yakyuu yama yamabiko yamabuki yamagata yamori yanagi yane yaoya
    yasashii yasumi yasumu yasuragi yatai yattsu yoguruto yokohama yomogi yomu yonaka yoriai yoru yotto yottsu
    youkan yowai yozora yubi yubiwa yugata yuhi yuka yukata yukemuri yuki yukidoke yume yumemi yunomi yuri yuubae
    yuudachi yuuenchi yuugure yuukaze yuzu zabuton zaiko zakuro zaru zasshi zawameki zenbu zenzai zosui zoukin zouri
    """.split()
)

# The commonest family and given names and the phrases people build passwords from; never used by the generator.
NAMES_AND_PHRASES: tuple[str, ...] = tuple(
    """
    sato satou suzuki takahashi tanaka watanabe ito itou yamamoto nakamura kobayashi kato katou yoshida yamada sasaki
    yamaguchi matsumoto inoue kimura hayashi shimizu yamazaki mori abe ikeda hashimoto yamashita ishikawa nakajima
    maeda fujita ogawa goto gotou okada hasegawa murakami kondo kondou ishii saito saitou sakamoto endo endou aoki
    fujii nishimura fukuda ota oota miura fujiwara okamoto matsuda nakagawa nakano harada ono tamura takeuchi kaneko
    wada nakayama ishida ueda morita hara shibata sakai kudo kudou yokoyama miyazaki miyamoto uchida takagi ando andou
    taro tarou jiro jirou saburo ichiro ichirou hanako yuki yuuki haruka sakura yui aoi hina rin mei mio miyu yuna
    akari misaki nanami ayaka natsumi kaori yoko youko keiko kazuko sachiko michiko yumi yuka mika takashi hiroshi
    kenji makoto daisuke kenta shota shouta takumi naoki kazuya tatsuya yusuke ren haruto yuto souta hayato riku
    daisuki aishiteru arigatou ohayou konnichiwa konbanwa sayonara oyasumi ganbaru nihon nippon japan tokyo toukyou
    osaka kyoto pasuwado pasuwaado himitsu anshou kaisha mail meeru webmail denki welcome admin master kanri kanrisha
    """.split()
)
